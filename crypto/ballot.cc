#include "crypto/ballot.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "crypto/consttime/element.h"
#include "crypto/consttime/table.h"
#include "crypto/vartime/batch.h"

namespace urna::crypto {
namespace {

constexpr uint32_t kMaxSlots = 1024;
constexpr uint32_t kMaxDegree = 2048;
constexpr uint32_t kMaxPoints = 5;
constexpr uint32_t kMaxPickOption = 255;
constexpr uint32_t kDigitBase = 16;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

absl::Status Invalid(std::string_view why) { return base::Reject("rule.invalid", why); }

absl::Status CheckSlots(uint32_t n) {
  if (n == 0) return Invalid("no options");
  if (n > kMaxSlots) return Invalid(base::Cat(n, " slots, at most ", kMaxSlots, " are possible"));
  return absl::OkStatus();
}

absl::Status CheckRange(uint64_t lo, uint64_t hi, uint64_t limit) {
  if (lo > hi) return Invalid(base::Cat("the range ", lo, "..", hi, " is empty"));
  if (hi == 0) return Invalid("a range 0..0 leaves nothing to choose");
  if (hi > limit) return Invalid(base::Cat("up to ", hi, " asked for, ", limit, " possible"));
  if (hi - lo >= kMaxDegree) return Invalid(base::Cat("the range ", lo, "..", hi, " is too wide"));
  return absl::OkStatus();
}

std::vector<uint64_t> Range(uint64_t lo, uint64_t hi) {
  std::vector<uint64_t> values(hi - lo + 1);
  std::iota(values.begin(), values.end(), lo);
  return values;
}

void AddSlots(uint32_t slots, uint32_t largest, std::vector<Constraint>& out) {
  for (uint32_t i = 0; i < slots; ++i) {
    out.push_back({.kind = Constraint::Kind::kProduct, .slots = {i}, .roots = Range(0, largest)});
  }
}

std::vector<uint32_t> AllSlots(uint32_t slots) {
  std::vector<uint32_t> all(slots);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

void AddSum(uint32_t slots, uint32_t lo, uint32_t hi, std::vector<Constraint>& out) {
  out.push_back(
      {.kind = Constraint::Kind::kProduct, .slots = AllSlots(slots), .roots = Range(lo, hi)});
}

uint64_t IntegerPower(uint64_t base, uint32_t exponent) {
  uint64_t power = 1;
  for (uint32_t i = 0; i < exponent; ++i) power *= base;
  return power;
}

template <typename T>
T Power(const T& base, uint32_t exponent) {
  T power = T::FromU64(1);
  for (uint32_t i = 0; i < exponent; ++i) power = power * base;
  return power;
}

uint32_t Degree(const std::vector<std::vector<Constraint>>& constraints) {
  uint32_t degree = 0;
  for (const auto& contest : constraints) {
    for (const Constraint& constraint : contest) degree = std::max(degree, constraint.degree());
  }
  return degree;
}

std::vector<std::vector<Constraint>> AllConstraints(const BallotShape& shape) {
  std::vector<std::vector<Constraint>> all;
  for (const ContestShape& contest : shape.contests) all.push_back(Constraints(contest.rule));
  return all;
}

}  // namespace

uint32_t SlotCount(const Rule& rule) {
  return std::visit(
      Overloaded{[](const Choose& r) { return r.n; }, [](const Score& r) { return r.n; },
                 [](const Points& r) { return r.n; }, [](const Picks& r) { return 2 * r.w; }},
      rule);
}

uint32_t LargestValue(const Rule& rule) {
  return std::visit(
      Overloaded{[](const Choose&) { return uint32_t{1}; },
                 [](const Score& r) { return r.has_total ? std::min(r.max, r.total_hi) : r.max; },
                 [](const Points& r) { return r.k; }, [](const Picks&) { return kDigitBase - 1; }},
      rule);
}

absl::Status CheckRule(const Rule& rule) {
  return std::visit(Overloaded{[](const Choose& r) {
                                 URNA_RETURN_IF_ERROR(CheckSlots(r.n));
                                 return CheckRange(r.lo, r.hi, r.n);
                               },
                               [](const Score& r) {
                                 URNA_RETURN_IF_ERROR(CheckSlots(r.n));
                                 URNA_RETURN_IF_ERROR(CheckRange(0, r.max, kMaxDegree - 1));
                                 if (!r.has_total) return absl::OkStatus();
                                 return CheckRange(r.total_lo, r.total_hi, uint64_t{r.max} * r.n);
                               },
                               [](const Points& r) {
                                 URNA_RETURN_IF_ERROR(CheckSlots(r.n));
                                 return CheckRange(1, r.k, std::min(r.n, kMaxPoints));
                               },
                               [](const Picks& r) {
                                 if (r.n == 0) return Invalid("no options");
                                 URNA_RETURN_IF_ERROR(CheckRange(1, r.n, kMaxPickOption));
                                 return CheckRange(1, r.w, r.n);
                               }},
                    rule);
}

bool Obeys(const Rule& rule, std::span<const uint32_t> values) {
  if (values.size() != SlotCount(rule)) return false;
  const auto all_at_most = [values](uint32_t largest) {
    return std::all_of(values.begin(), values.end(), [=](uint32_t v) { return v <= largest; });
  };
  const uint64_t sum = std::accumulate(values.begin(), values.end(), uint64_t{0});
  return std::visit(
      Overloaded{[&](const Choose& r) { return all_at_most(1) && r.lo <= sum && sum <= r.hi; },
                 [&](const Score& r) {
                   return all_at_most(r.max) &&
                          (!r.has_total || (r.total_lo <= sum && sum <= r.total_hi));
                 },
                 [&](const Points& r) {
                   const auto count = [values](uint32_t v) {
                     return std::count(values.begin(), values.end(), v);
                   };
                   for (uint32_t v = 1; v <= r.k; ++v) {
                     if (count(v) != 1) return false;
                   }
                   return all_at_most(r.k);
                 },
                 [&](const Picks& r) {
                   if (!all_at_most(kDigitBase - 1)) return false;
                   std::vector<bool> picked(r.n + 1);
                   for (size_t p = 0; p < values.size(); p += 2) {
                     const uint32_t option = kDigitBase * values[p] + values[p + 1];
                     if (option > r.n || (option != 0 && picked[option])) return false;
                     picked[option] = true;
                   }
                   return true;
                 }},
      rule);
}

uint32_t Constraint::degree() const {
  switch (kind) {
    case Kind::kProduct:
      return static_cast<uint32_t>(roots.size());
    case Kind::kPowerSum:
      return exponent;
  }
  return 0;
}

std::vector<Constraint> Constraints(const Rule& rule) {
  std::vector<Constraint> out;
  std::visit(Overloaded{[&](const Choose& r) {
                          AddSlots(r.n, 1, out);
                          if (r.lo != 0 || r.hi != r.n) AddSum(r.n, r.lo, r.hi, out);
                        },
                        [&](const Score& r) {
                          AddSlots(r.n, r.max, out);
                          if (r.has_total) AddSum(r.n, r.total_lo, r.total_hi, out);
                        },
                        [&](const Points& r) {
                          AddSlots(r.n, r.k, out);
                          for (uint32_t e = 1; e <= (r.k == 5 ? 3u : 2u); ++e) {
                            uint64_t value = 0;
                            for (uint32_t v = 1; v <= r.k; ++v) value += IntegerPower(v, e);
                            out.push_back({.kind = Constraint::Kind::kPowerSum,
                                           .slots = AllSlots(r.n),
                                           .roots = {},
                                           .exponent = e,
                                           .value = value});
                          }
                        },
                        [&](const Picks& r) { AddSlots(2 * r.w, kDigitBase - 1, out); }},
             rule);
  return out;
}

uint32_t BallotShape::degree() const { return Degree(AllConstraints(*this)); }

size_t BallotShape::encoded_size() const {
  constexpr size_t kItem = 32, kTokenSize = 4 * kItem;
  // BK, A_b, z_b, tau; then R, A, z per contest and C, B, f per slot; then E.
  size_t items = 4 + 3 * contests.size() + degree();
  for (const ContestShape& contest : contests) items += 3 * size_t{SlotCount(contest.rule)};
  return sizeof(Ballot::revision) + kTokenSize * issuers + kItem * items;
}

namespace {

uint32_t WidestContest(const BallotShape& shape) {
  uint32_t widest = 0;
  for (const ContestShape& contest : shape.contests) {
    widest = std::max(widest, SlotCount(contest.rule));
  }
  return widest;
}

absl::Status CheckKeys(const BallotContext& context) {
  const uint32_t widest = WidestContest(context.shape);
  if (context.keys.size() >= widest) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       base::Cat("the poll has ", context.keys.size(), " keys, a contest of style ",
                                 context.shape.style, " has ", widest, " slots"));
}

Hash32 Fingerprint(const Hash32& opening, std::string_view style,
                   const std::vector<Ciphertext>& contests) {
  Sha256 hash;
  hash.Update(Frame("urna/v1"))
      .Update(Frame("fingerprint"))
      .Update(Frame(base::View(opening)))
      .Update(Frame(style));
  for (const Ciphertext& contest : contests) {
    hash.Update(contest.R.view());
    for (const Point& point : contest.C) hash.Update(point.view());
  }
  return hash.Finish();
}

// Binds the proof's first commitments.
Scalar ChallengeY(Transcript& transcript, const BallotProof& proof) {
  transcript.Append("Abk", proof.A_b);
  for (const BallotProof::Contest& contest : proof.contests) {
    transcript.Append("A", contest.A);
    for (const Point& B : contest.B) transcript.Append("B", B);
  }
  return transcript.Challenge("y");
}

// Binds the commitments to the polynomial's coefficients.
Scalar ChallengeX(Transcript& transcript, const BallotProof& proof) {
  for (const Point& E : proof.E) transcript.Append("E", E);
  return transcript.Challenge("x");
}

// Coefficients from X^0 upwards.
using SecretPolynomial = std::vector<SecretScalar>;

// p * (slope X + constant).
SecretPolynomial TimesLine(const SecretPolynomial& p, const SecretScalar& slope,
                           const SecretScalar& constant) {
  SecretPolynomial out(p.size() + 1);
  for (size_t j = 0; j < p.size(); ++j) {
    out[j] = out[j] + p[j] * constant;
    out[j + 1] = out[j + 1] + p[j] * slope;
  }
  return out;
}

// Q_k(X) of one constraint: slot i of the contest is the line v_i X + a_i.
SecretPolynomial ConstraintPolynomial(const Constraint& constraint,
                                      const std::vector<SecretScalar>& v,
                                      const std::vector<SecretScalar>& a) {
  SecretPolynomial q;
  switch (constraint.kind) {
    case Constraint::Kind::kProduct: {
      SecretScalar sum_v, sum_a;
      for (const uint32_t slot : constraint.slots) {
        sum_v = sum_v + v[slot];
        sum_a = sum_a + a[slot];
      }
      q.push_back(SecretScalar::FromU64(1));
      for (const uint64_t root : constraint.roots) {
        q = TimesLine(q, sum_v - Scalar::FromU64(root), sum_a);
      }
      return q;
    }
    case Constraint::Kind::kPowerSum: {
      q.resize(constraint.exponent + 1);
      for (const uint32_t slot : constraint.slots) {
        SecretPolynomial power;
        power.push_back(SecretScalar::FromU64(1));
        for (uint32_t e = 0; e < constraint.exponent; ++e) {
          power = TimesLine(power, v[slot], a[slot]);
        }
        for (size_t j = 0; j < q.size(); ++j) q[j] = q[j] + power[j];
      }
      q.back() = q.back() - Scalar::FromU64(constraint.value);
      return q;
    }
  }
  return q;
}

// Q_k evaluated at the responses f and the challenge x.
Scalar EvaluateConstraint(const Constraint& constraint, const std::vector<Scalar>& f,
                          const Scalar& x) {
  switch (constraint.kind) {
    case Constraint::Kind::kProduct: {
      Scalar sum;
      for (const uint32_t slot : constraint.slots) sum = sum + f[slot];
      Scalar product = Scalar::FromU64(1);
      for (const uint64_t root : constraint.roots) {
        product = product * (sum - Scalar::FromU64(root) * x);
      }
      return product;
    }
    case Constraint::Kind::kPowerSum: {
      Scalar sum = -(Scalar::FromU64(constraint.value) * Power(x, constraint.exponent));
      for (const uint32_t slot : constraint.slots) {
        sum = sum + Power(f[slot], constraint.exponent);
      }
      return sum;
    }
  }
  return Scalar();
}

// e_0..e_(d-1) of P(X); e_d is zero for a valid ballot.
SecretPolynomial ProofPolynomial(const std::vector<std::vector<Constraint>>& constraints,
                                 const std::vector<std::vector<SecretScalar>>& v,
                                 const std::vector<std::vector<SecretScalar>>& a, const Scalar& y) {
  const uint32_t d = Degree(constraints);
  SecretPolynomial p(d + 1);
  Scalar weight = Scalar::FromU64(1);
  for (size_t c = 0; c < constraints.size(); ++c) {
    for (const Constraint& constraint : constraints[c]) {
      const SecretPolynomial q = ConstraintPolynomial(constraint, v[c], a[c]);
      const size_t shift = d - constraint.degree();
      for (size_t j = 0; j < q.size(); ++j) p[j + shift] = p[j + shift] + q[j] * weight;
      weight = weight * y;
    }
  }
  p.pop_back();
  return p;
}

absl::Status ProofInvalid(std::string_view why) {
  return base::Reject("ballot.proof-invalid", why);
}

absl::Status Malformed(std::string_view why) { return base::Reject("ballot.malformed", why); }

// What DecodeBallot guarantees, for ballots that come another way.
absl::Status CheckForm(const BallotContext& context, const Ballot& ballot) {
  const BallotShape& shape = context.shape;
  if (ballot.revision == 0) return Malformed("revisions count from 1");
  if (ballot.tokens.size() != shape.issuers) {
    return Malformed(base::Cat(ballot.tokens.size(), " tokens instead of ", shape.issuers));
  }
  if (ballot.contests.size() != shape.contests.size() ||
      ballot.proof.contests.size() != shape.contests.size()) {
    return Malformed(base::Cat("not the ", shape.contests.size(), " contests of its style"));
  }
  if (ballot.proof.E.size() != shape.degree()) {
    return Malformed(
        base::Cat(ballot.proof.E.size(), " commitments E instead of ", shape.degree()));
  }
  if (ballot.ballot_key.IsIdentity()) return Malformed("the ballot key is the identity");
  if (ballot.proof.A_b.IsIdentity()) return Malformed("A_b is the identity");
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const size_t slots = SlotCount(shape.contests[c].rule);
    const Ciphertext& ciphertext = ballot.contests[c];
    const BallotProof::Contest& proof = ballot.proof.contests[c];
    const std::string& id = shape.contests[c].id;
    if (ciphertext.C.size() != slots || proof.B.size() != slots || proof.f.size() != slots) {
      return Malformed(base::Cat("contest ", id, ": not ", slots, " slots"));
    }
    if (ciphertext.R.IsIdentity())
      return Malformed(base::Cat("contest ", id, ": R is the identity"));
    if (proof.A.IsIdentity()) return Malformed(base::Cat("contest ", id, ": A is the identity"));
  }
  return absl::OkStatus();
}

/// A ballot's proof before its equations are looked at: all that it hashes to and evaluates to.
struct Proof {
  const BallotContext* context;
  const Ballot* ballot;
  std::vector<vartime::Element> own;           // empty if they came with the ballot
  std::span<const vartime::Element> elements;  // all points, in the order of EncodeBallot
  Scalar x;
  Scalar value;  // sum of y^k x^(d-d_k) Q_k
};

std::vector<vartime::Element> ElementsOf(const Ballot& ballot) {
  std::vector<vartime::Element> elements;
  const auto add = [&elements](const Point& point) { elements.push_back(ToElement(point)); };
  add(ballot.ballot_key);
  for (const Ciphertext& contest : ballot.contests) {
    add(contest.R);
    for (const Point& C : contest.C) add(C);
  }
  add(ballot.proof.A_b);
  for (const BallotProof::Contest& contest : ballot.proof.contests) {
    add(contest.A);
    for (const Point& B : contest.B) add(B);
  }
  for (const Point& E : ballot.proof.E) add(E);
  return elements;
}

Proof ReadProof(const BallotToCheck& item) {
  const BallotProof& proof = item.ballot->proof;
  Proof out;
  out.context = item.context;
  out.ballot = item.ballot;
  out.elements = item.elements;
  if (out.elements.empty()) {
    out.own = ElementsOf(*item.ballot);
    out.elements = out.own;
  }
  Transcript transcript = BallotTranscript(*item.context, *item.ballot);
  const Scalar y = ChallengeY(transcript, proof);
  out.x = ChallengeX(transcript, proof);
  const std::vector<std::vector<Constraint>> constraints = AllConstraints(item.context->shape);
  const auto d = static_cast<uint32_t>(proof.E.size());
  Scalar weight = Scalar::FromU64(1);
  for (size_t c = 0; c < constraints.size(); ++c) {
    for (const Constraint& constraint : constraints[c]) {
      Scalar term = weight * EvaluateConstraint(constraint, proof.contests[c].f, out.x);
      for (uint32_t i = constraint.degree(); i < d; ++i) term = term * out.x;
      out.value = out.value + term;
      weight = weight * y;
    }
  }
  return out;
}

/// One for the key, per contest one for R and one for each slot, and one for the rules.
size_t EquationCount(const BallotShape& shape) {
  size_t count = 2;
  for (const ContestShape& contest : shape.contests) count += 1 + SlotCount(contest.rule);
  return count;
}

std::string BrokenEquation(const BallotShape& shape, size_t equation) {
  if (equation == 0) return "the ballot key did not sign this ballot";
  --equation;
  for (const ContestShape& contest : shape.contests) {
    if (equation == 0) return base::Cat("contest ", contest.id, ": R is not what was proven");
    const uint32_t slots = SlotCount(contest.rule);
    if (equation <= slots) {
      return base::Cat("contest ", contest.id, ", slot ", equation - 1,
                       ": C is not what was proven");
    }
    equation -= 1 + slots;
  }
  return "the votes do not obey the rules";
}

/// Adds right side minus left side of equations first .. first + count - 1 of section 6, each times
/// its weight. `weights`: of all equations of this proof.
void AddEquations(const Proof& p, std::span<const Scalar> weights, size_t first, size_t count,
                  vartime::Batch& batch) {
  const Ballot& ballot = *p.ballot;
  const vartime::Element* encrypted = p.elements.data();
  const vartime::Element* proven = encrypted + 1;
  for (const Ciphertext& contest : ballot.contests) proven += 1 + contest.C.size();
  Scalar base;
  size_t equation = 0;
  // Unsigned: one before the first is far behind the last.
  const auto wanted = [&] { return equation - first < count; };
  // x X + M - s G - z K = 0 for a point X, its commitment M and the response s; of slots also z, K.
  const auto linear = [&](const Scalar& s, const Scalar* z, const Point* K) {
    if (wanted()) {
      const Scalar& weight = weights[equation];
      base = base - weight * s;
      batch.Add(weight * p.x, *encrypted);
      batch.Add(weight, *proven);
      if (z != nullptr) batch.AddShared(-(weight * *z), *K);
    }
    ++equation;
    ++encrypted;
    ++proven;
  };
  linear(ballot.proof.z_b, nullptr, nullptr);
  for (const BallotProof::Contest& contest : ballot.proof.contests) {
    linear(contest.z, nullptr, nullptr);
    for (size_t i = 0; i < contest.f.size(); ++i) {
      linear(contest.f[i], &contest.z, &p.context->keys[i]);
    }
  }
  if (wanted()) {
    Scalar power = weights[equation];
    base = base - power * p.value;
    batch.AddPedersenH(-(power * ballot.proof.tau));
    for (size_t j = 0; j < ballot.proof.E.size(); ++j, ++proven) {
      batch.Add(power, *proven);
      power = power * p.x;
    }
  }
  batch.AddBase(base);
}

/// *verdicts[i], which is OK before, becomes the verdict on proofs[i].
void CheckProofs(std::span<const Proof> proofs, Together together,
                 std::span<absl::Status* const> verdicts) {
  // proofs[i] has weights ends[i - 1] .. ends[i] - 1.
  std::vector<size_t> ends;
  size_t equations = 0;
  for (const Proof& proof : proofs) {
    ends.push_back(equations += EquationCount(proof.context->shape));
  }
  const std::vector<Scalar> weights = vartime::Batch::Weights(equations);
  const auto begin_of = [&](size_t i) { return i == 0 ? 0 : ends[i - 1]; };
  const auto count_of = [&](size_t i) { return ends[i] - begin_of(i); };
  const auto add = [&](size_t i, size_t first, size_t count, vartime::Batch& batch) {
    AddEquations(proofs[i], std::span(weights).subspan(begin_of(i), count_of(i)), first, count,
                 batch);
  };
  const auto failures =
      vartime::FindFailures(proofs.size(), together, [&](size_t first, size_t count) {
        vartime::Batch batch;
        for (size_t i = first; i < first + count; ++i) add(i, 0, count_of(i), batch);
        return batch;
      });
  const std::vector<size_t> broken =
      vartime::FirstFailing(failures, count_of, [&](size_t i, size_t first, size_t count) {
        vartime::Batch batch;
        add(i, first, count, batch);
        return batch;
      });
  for (size_t f = 0; f < failures.size(); ++f) {
    const size_t i = failures[f].item;
    *verdicts[i] = ProofInvalid(BrokenEquation(proofs[i].context->shape, broken[f]));
  }
}

absl::Status CheckForms(const BallotContext& context, const Ballot& ballot) {
  URNA_RETURN_IF_ERROR(CheckKeys(context));
  if (context.issuers.size() != context.shape.issuers) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         base::Cat("the context has ", context.issuers.size(),
                                   " issuers, its shape ", context.shape.issuers));
  }
  return CheckForm(context, ballot);
}

/// Tokens of the ballots whose verdict is OK.
void CheckTokens(std::span<const BallotToCheck> ballots, std::vector<absl::Status>& verdicts) {
  std::vector<TokenToVerify> tokens;
  for (size_t b = 0; b < ballots.size(); ++b) {
    if (!verdicts[b].ok()) continue;
    const auto& [context, ballot, elements] = ballots[b];
    for (size_t i = 0; i < ballot->tokens.size(); ++i) {
      tokens.push_back({&context->issuers[i], &ballot->ballot_key, &ballot->tokens[i]});
    }
  }
  const std::vector<absl::Status> of_tokens = VerifyTokens(tokens);
  size_t next = 0;
  for (size_t b = 0; b < ballots.size(); ++b) {
    if (!verdicts[b].ok()) continue;
    for (size_t i = 0; i < ballots[b].ballot->tokens.size(); ++i, ++next) {
      if (verdicts[b].ok()) {
        verdicts[b] = base::Annotate(of_tokens[next], base::Cat("token ", i));
      }
    }
  }
}

/// R = r[c] G and C_i = r[c] K_i + v[c][i] G of each contest c: what encrypts votes, and commits to
/// the proof's nonces. `digits`: of each v, as Product::digits.
std::vector<Ciphertext> EncryptSlots(std::span<const consttime::Table> keys,
                                     std::span<const SecretScalar> r,
                                     std::span<const std::vector<SecretScalar>> v, size_t digits) {
  const consttime::Table& G = consttime::Table::OfBase();
  std::vector<Ciphertext> out(r.size());
  std::vector<Point*> places;
  std::vector<consttime::Product> products;
  for (size_t c = 0; c < r.size(); ++c) {
    products.push_back({&G, &r[c]});
    places.push_back(&out[c].R);
    out[c].C.resize(v[c].size());
  }
  std::vector<consttime::SecretElement> sums = consttime::Sums(products, 1);
  products.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t c = 0; c < r.size(); ++c) {
      if (i >= v[c].size()) continue;
      products.push_back({&keys[i], &r[c]});
      products.push_back({&G, &v[c][i], digits});
      places.push_back(&out[c].C[i]);
    }
  }
  for (consttime::SecretElement& sum : consttime::Sums(products, 2)) sums.push_back(std::move(sum));
  const std::vector<Point> points = consttime::SecretElement::Publish(sums);
  for (size_t k = 0; k < points.size(); ++k) *places[k] = points[k];
  return out;
}

struct WipeVotes {
  std::vector<std::vector<uint32_t>>& votes;
  ~WipeVotes() {
    for (auto& contest : votes) sodium_memzero(contest.data(), contest.size() * sizeof(uint32_t));
  }
};

}  // namespace

absl::StatusOr<PreparedBallot> PreparedBallot::Encrypt(const BallotContext& context,
                                                       std::vector<std::vector<uint32_t>> votes) {
  const WipeVotes wipe{votes};
  URNA_RETURN_IF_ERROR(CheckKeys(context));
  const auto& contests = context.shape.contests;
  if (votes.size() != contests.size()) {
    return base::Reject(
        "ballot.votes-invalid",
        base::Cat("votes for ", votes.size(), " contests instead of ", contests.size()));
  }
  std::vector<std::vector<SecretScalar>> scalars(votes.size());
  uint32_t largest = 0;
  for (size_t c = 0; c < votes.size(); ++c) {
    if (!Obeys(contests[c].rule, votes[c])) {
      return base::Reject("ballot.votes-invalid",
                          base::Cat("contest ", contests[c].id, ": the votes break its rule"));
    }
    for (const uint32_t vote : votes[c]) scalars[c].push_back(SecretScalar::FromU64(vote));
    largest = std::max(largest, LargestValue(contests[c].rule));
  }
  const auto bits = static_cast<size_t>(std::bit_width(largest));
  return EncryptUnchecked(context, std::move(scalars), consttime::DigitsFor(bits));
}

PreparedBallot PreparedBallot::EncryptUnchecked(const BallotContext& context,
                                                std::vector<std::vector<SecretScalar>> votes,
                                                size_t vote_digits) {
  Transcript transcript("ballot-encryption");
  transcript.Append("opening", context.opening)
      .Append("style", std::string_view(context.shape.style));
  std::vector<std::string_view> witness;
  size_t widest = 0;
  for (const auto& contest : votes) {
    widest = std::max(widest, contest.size());
    for (const SecretScalar& vote : contest) witness.push_back(base::View(vote.Expose()));
  }
  Hedge hedge(transcript, witness);

  PreparedBallot prepared;
  for (size_t i = 0; i < widest; ++i) prepared.keys_.emplace_back(ToElement(context.keys[i]));
  for (size_t c = 0; c < votes.size(); ++c) prepared.r_.push_back(hedge.Next());
  prepared.contests_ = EncryptSlots(prepared.keys_, prepared.r_, votes, vote_digits);
  prepared.votes_ = std::move(votes);
  prepared.fingerprint_ = Fingerprint(context.opening, context.shape.style, prepared.contests_);
  return prepared;
}

PreparedBallot::Opening PreparedBallot::Challenge() && {
  Opening opening;
  for (const SecretScalar& r : std::exchange(r_, {})) opening.r.push_back(r.Publish());
  for (const auto& contest : std::exchange(votes_, {})) {
    auto& values = opening.votes.emplace_back();
    for (const SecretScalar& vote : contest) {
      values.push_back(base::Reader(base::View(vote.Expose())).U32());
    }
  }
  return opening;
}

Ballot PreparedBallot::Cast(const BallotContext& context, const BallotKey& key,
                            std::vector<Token> tokens, uint16_t revision) && {
  // Moving out leaves nothing that could be proven, or challenged, a second time.
  const std::vector<SecretScalar> r = std::exchange(r_, {});
  const std::vector<std::vector<SecretScalar>> v = std::exchange(votes_, {});
  const std::vector<std::vector<Constraint>> constraints = AllConstraints(context.shape);
  Check(!r.empty() && r.size() == constraints.size(),
        "a ballot is cast once, with the context it was encrypted with");

  Ballot ballot;
  ballot.revision = revision;
  ballot.ballot_key = key.BK;
  ballot.tokens = std::move(tokens);
  ballot.contests = std::move(contests_);
  BallotProof& proof = ballot.proof;

  Transcript transcript = BallotTranscript(context, ballot);
  std::vector<std::string_view> witness{base::View(key.b.Expose())};
  for (size_t c = 0; c < r.size(); ++c) {
    witness.push_back(base::View(r[c].Expose()));
    for (const SecretScalar& vote : v[c]) witness.push_back(base::View(vote.Expose()));
  }
  Hedge hedge(transcript, witness);

  const SecretScalar a_b = hedge.Next();
  proof.A_b = MulBase(a_b);
  std::vector<SecretScalar> rho;
  std::vector<std::vector<SecretScalar>> a(r.size());
  for (size_t c = 0; c < r.size(); ++c) {
    rho.push_back(hedge.Next());
    for (size_t i = 0; i < v[c].size(); ++i) a[c].push_back(hedge.Next());
  }
  for (Ciphertext& commitment : EncryptSlots(keys_, rho, a, consttime::kDigits)) {
    proof.contests.push_back({commitment.R, std::move(commitment.C), Scalar(), {}});
  }
  const Scalar y = ChallengeY(transcript, proof);

  const SecretPolynomial coefficients = ProofPolynomial(constraints, v, a, y);
  std::vector<SecretScalar> t;
  for (size_t j = 0; j < coefficients.size(); ++j) t.push_back(hedge.Next());
  std::vector<consttime::Product> commitments;
  for (size_t j = 0; j < t.size(); ++j) {
    commitments.push_back({&consttime::Table::OfBase(), &coefficients[j]});
    commitments.push_back({&consttime::Table::OfPedersenH(), &t[j]});
  }
  proof.E = consttime::SecretElement::Publish(consttime::Sums(commitments, 2));
  const Scalar x = ChallengeX(transcript, proof);

  proof.z_b = (key.b * x + a_b).Publish();
  for (size_t c = 0; c < r.size(); ++c) {
    proof.contests[c].z = (r[c] * x + rho[c]).Publish();
    for (size_t i = 0; i < v[c].size(); ++i) {
      proof.contests[c].f.push_back((v[c][i] * x + a[c][i]).Publish());
    }
  }
  SecretScalar tau;
  for (size_t j = t.size(); j-- > 0;) tau = tau * x + t[j];
  proof.tau = tau.Publish();
  return ballot;
}

Hash32 OpenedFingerprint(const Hash32& opening, const BallotShape& shape,
                         std::span<const Point> keys, const PreparedBallot::Opening& opened) {
  if (opened.r.size() != shape.contests.size() || opened.votes.size() != shape.contests.size()) {
    return Hash32{};
  }
  std::vector<Ciphertext> contests;
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const auto& votes = opened.votes[c];
    if (votes.size() != SlotCount(shape.contests[c].rule) || votes.size() > keys.size()) {
      return Hash32{};
    }
    Ciphertext& ciphertext = contests.emplace_back();
    ciphertext.R = MulBase(opened.r[c]);
    for (size_t i = 0; i < votes.size(); ++i) {
      ciphertext.C.push_back(Mul(opened.r[c], keys[i]) + MulBase(Scalar::FromU64(votes[i])));
    }
  }
  return Fingerprint(opening, shape.style, contests);
}

std::string EncodeBallot(const Ballot& ballot) {
  base::Writer out;
  out.U16(ballot.revision).Raw(ballot.ballot_key.view());
  for (const Token& token : ballot.tokens) {
    out.Raw(token.c.view()).Raw(token.s.view()).Raw(token.y.view()).Raw(token.t.view());
  }
  for (const Ciphertext& contest : ballot.contests) {
    out.Raw(contest.R.view());
    for (const Point& C : contest.C) out.Raw(C.view());
  }
  out.Raw(ballot.proof.A_b.view());
  for (const BallotProof::Contest& contest : ballot.proof.contests) {
    out.Raw(contest.A.view());
    for (const Point& B : contest.B) out.Raw(B.view());
  }
  for (const Point& E : ballot.proof.E) out.Raw(E.view());
  out.Raw(ballot.proof.z_b.view());
  for (const BallotProof::Contest& contest : ballot.proof.contests) {
    out.Raw(contest.z.view());
    for (const Scalar& f : contest.f) out.Raw(f.view());
  }
  out.Raw(ballot.proof.tau.view());
  return out.Take();
}

namespace {

/// The points of encoded ballots of the right size, decoded all at once.
struct DecodedPoints {
  void Take(const EncodedBallot& ballot) {
    const BallotShape& shape = *ballot.shape;
    size_t at = sizeof(Ballot::revision);
    const auto take = [&](size_t count) {
      for (size_t i = 0; i < count; ++i, at += 32) {
        std::copy_n(base::Data(ballot.bytes) + at, 32, encoded.emplace_back().begin());
      }
    };
    take(1);
    at += 4 * 32 * size_t{shape.issuers};
    size_t vectors = 0;
    for (const ContestShape& contest : shape.contests) vectors += 1 + SlotCount(contest.rule);
    take(vectors);
    take(1 + vectors);
    take(shape.degree());
  }
  void Decode() {
    points.resize(encoded.size());
    elements.resize(encoded.size());
    valid = std::make_unique<bool[]>(encoded.size());
    Point::DecodeMany(encoded, points, elements, {valid.get(), encoded.size()});
  }
  std::vector<base::Bytes32> encoded;
  std::vector<Point> points;
  std::vector<vartime::Element> elements;
  std::unique_ptr<bool[]> valid;
};

absl::Status CheckSize(const BallotShape& shape, std::string_view bytes) {
  const size_t size = shape.encoded_size();
  if (bytes.size() == size) return absl::OkStatus();
  return Malformed(
      base::Cat("a ballot of ", bytes.size(), " bytes; one of style ", shape.style, " has ", size));
}

// Reads the fields of a ballot whose size was checked; keeps the first error.
class BallotReader {
 public:
  /// The ballot's points begin at `first_point` of `decoded`.
  BallotReader(std::string_view bytes, const DecodedPoints& decoded, size_t first_point)
      : reader_(bytes), decoded_(decoded), next_point_(first_point) {}

  uint16_t Revision() {
    const uint16_t revision = reader_.U16();
    if (revision == 0) Keep(Malformed("revisions count from 1"));
    return revision;
  }
  Point AnyPoint(std::string_view field) {
    reader_.Raw(32);
    const size_t i = next_point_++;
    // For its message.
    if (!decoded_.valid[i]) {
      return Value(Point::Decode(base::View(decoded_.encoded[i])), field);
    }
    return decoded_.points[i];
  }
  Point NonIdentity(std::string_view field) {
    const Point point = AnyPoint(field);
    // A point that is not valid is the identity here, and its own error is kept already.
    if (point.IsIdentity()) Value(Point::DecodeNonIdentity(point.view()), field);
    return point;
  }
  Scalar AnyScalar(std::string_view field) { return Value(Scalar::Decode(reader_.Raw(32)), field); }
  void SetPlace(std::string place) { place_ = std::move(place); }
  const absl::Status& status() const { return status_; }
  size_t next_point() const { return next_point_; }

 private:
  template <typename T>
  T Value(absl::StatusOr<T> value, std::string_view field) {
    if (value.ok()) return *value;
    Keep(base::Annotate(value.status(), base::Cat(place_, field)));
    return T();
  }
  void Keep(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }

  base::Reader reader_;
  const DecodedPoints& decoded_;
  size_t next_point_;
  std::string place_;
  absl::Status status_;
};

Ballot ReadBallot(const BallotShape& shape, BallotReader& reader) {
  Ballot ballot;
  ballot.revision = reader.Revision();
  ballot.ballot_key = reader.NonIdentity("ballot key");
  for (uint32_t i = 0; i < shape.issuers; ++i) {
    reader.SetPlace(base::Cat("token ", i, ": "));
    Token& token = ballot.tokens.emplace_back();
    token.c = reader.AnyScalar("c");
    token.s = reader.AnyScalar("s");
    token.y = reader.AnyScalar("y");
    token.t = reader.AnyScalar("t");
  }
  const auto at_contest = [&](size_t c) {
    reader.SetPlace(base::Cat("contest ", shape.contests[c].id, ": "));
    return SlotCount(shape.contests[c].rule);
  };
  BallotProof& proof = ballot.proof;
  ballot.contests.resize(shape.contests.size());
  proof.contests.resize(shape.contests.size());
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const uint32_t slots = at_contest(c);
    ballot.contests[c].R = reader.NonIdentity("R");
    for (uint32_t i = 0; i < slots; ++i) {
      ballot.contests[c].C.push_back(reader.AnyPoint(base::Cat("C ", i)));
    }
  }
  reader.SetPlace("proof: ");
  proof.A_b = reader.NonIdentity("A_b");
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const uint32_t slots = at_contest(c);
    proof.contests[c].A = reader.NonIdentity("A");
    for (uint32_t i = 0; i < slots; ++i) {
      proof.contests[c].B.push_back(reader.AnyPoint(base::Cat("B ", i)));
    }
  }
  reader.SetPlace("proof: ");
  const uint32_t degree = shape.degree();
  for (uint32_t j = 0; j < degree; ++j) proof.E.push_back(reader.AnyPoint(base::Cat("E ", j)));
  proof.z_b = reader.AnyScalar("z_b");
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const uint32_t slots = at_contest(c);
    proof.contests[c].z = reader.AnyScalar("z");
    for (uint32_t i = 0; i < slots; ++i) {
      proof.contests[c].f.push_back(reader.AnyScalar(base::Cat("f ", i)));
    }
  }
  reader.SetPlace("proof: ");
  proof.tau = reader.AnyScalar("tau");
  return ballot;
}

}  // namespace

std::vector<absl::StatusOr<DecodedBallot>> DecodeBallots(std::span<const EncodedBallot> ballots) {
  std::vector<absl::StatusOr<DecodedBallot>> out;
  out.reserve(ballots.size());
  DecodedPoints decoded;
  for (const EncodedBallot& ballot : ballots) {
    const absl::Status fits = CheckSize(*ballot.shape, ballot.bytes);
    if (fits.ok()) {
      out.push_back(DecodedBallot());
      decoded.Take(ballot);
    } else {
      out.push_back(fits);
    }
  }
  decoded.Decode();
  size_t first = 0;
  for (size_t i = 0; i < ballots.size(); ++i) {
    if (!out[i].ok()) continue;
    BallotReader reader(ballots[i].bytes, decoded, first);
    out[i]->ballot = ReadBallot(*ballots[i].shape, reader);
    const auto begin = decoded.elements.begin() + static_cast<ptrdiff_t>(first);
    first = reader.next_point();
    out[i]->elements.assign(begin, decoded.elements.begin() + static_cast<ptrdiff_t>(first));
    if (!reader.status().ok()) out[i] = reader.status();
  }
  return out;
}

absl::StatusOr<Ballot> DecodeBallot(const BallotShape& shape, std::string_view bytes) {
  const EncodedBallot one{&shape, bytes};
  auto decoded = std::move(DecodeBallots({&one, 1})[0]);
  if (!decoded.ok()) return decoded.status();
  return std::move(decoded->ballot);
}

absl::StatusOr<Ciphertext> CiphertextOf(const BallotShape& shape, std::string_view bytes,
                                        size_t contest) {
  Check(contest < shape.contests.size(), "a contest of the shape");
  URNA_RETURN_IF_ERROR(CheckSize(shape, bytes));
  constexpr size_t kItem = 32;
  // Revision, BK and tokens stand before the ciphertexts.
  size_t skipped = 1 + 4 * size_t{shape.issuers};
  for (size_t c = 0; c < contest; ++c) skipped += 1 + SlotCount(shape.contests[c].rule);
  base::Reader reader(bytes.substr(sizeof(Ballot::revision) + kItem * skipped));
  Ciphertext out;
  out.R = Point::FromTrusted(reader.Fixed<kItem>());
  const uint32_t slots = SlotCount(shape.contests[contest].rule);
  for (uint32_t i = 0; i < slots; ++i) out.C.push_back(Point::FromTrusted(reader.Fixed<kItem>()));
  return out;
}

std::vector<absl::Status> CheckBallots(std::span<const BallotToCheck> ballots, Together together) {
  std::vector<absl::Status> verdicts(ballots.size());
  std::vector<Proof> proofs;
  proofs.reserve(ballots.size());
  std::vector<absl::Status*> verdicts_on;
  for (size_t i = 0; i < ballots.size(); ++i) {
    verdicts[i] = CheckForms(*ballots[i].context, *ballots[i].ballot);
  }
  CheckTokens(ballots, verdicts);
  for (size_t i = 0; i < ballots.size(); ++i) {
    if (!verdicts[i].ok()) continue;
    proofs.push_back(ReadProof(ballots[i]));
    verdicts_on.push_back(&verdicts[i]);
  }
  CheckProofs(proofs, together, verdicts_on);
  return verdicts;
}

Transcript BallotTranscript(const BallotContext& context, const Ballot& ballot) {
  Transcript transcript("ballot");
  transcript.Append("opening", context.opening)
      .Append("style", std::string_view(context.shape.style))
      .Append("ballot-key", ballot.ballot_key)
      .Append("revision", uint64_t{ballot.revision})
      .Append("tokens", uint64_t{ballot.tokens.size()});
  for (const Token& token : ballot.tokens) {
    transcript.Append("token", std::string_view(base::Cat(token.c.view(), token.s.view(),
                                                          token.y.view(), token.t.view())));
  }
  for (size_t c = 0; c < ballot.contests.size(); ++c) {
    transcript.Append("contest", std::string_view(context.shape.contests[c].id))
        .Append("R", ballot.contests[c].R);
    for (const Point& C : ballot.contests[c].C) transcript.Append("C", C);
  }
  return transcript;
}

}  // namespace urna::crypto
