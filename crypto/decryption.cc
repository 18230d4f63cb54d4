#include "crypto/decryption.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "crypto/consttime/table.h"
#include "crypto/transcript.h"
#include "crypto/vartime/element.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto {
namespace {

constexpr uint64_t kMaxTable = uint64_t{1} << 18;
// Terms multiplied at once: more would cost less, but memory.
constexpr size_t kTermsTogether = 16 * 1024;
constexpr size_t kCiphertextsTogether = 1024;

// Everything before U and V.
Transcript ShareTranscript(const DecryptionStatement& statement, std::span<const Point> D) {
  Transcript transcript("decryption");
  transcript.Append("opening", statement.opening)
      .Append("closed", statement.closed)
      .Append("contest", statement.contest)
      .Append("trustee", uint64_t{statement.trustee});
  for (const Point& R : statement.R) transcript.Append("R", R);
  for (const Point& P : statement.P) transcript.Append("P", P);
  for (const Point& point : D) transcript.Append("D", point);
  return transcript;
}

std::vector<Scalar> Powers(const Scalar& base, size_t count) {
  std::vector<Scalar> powers;
  Scalar power = Scalar::FromU64(1);
  for (size_t i = 0; i < count; ++i) {
    powers.push_back(power);
    power = power * base;
  }
  return powers;
}

/// sum over b and w of base^b rhos[w] points[b][w], each row as long as `rhos`; without `rhos`, of
/// base^b points[b].
vartime::Element FoldedByPowers(const Scalar& base, std::span<const Scalar> rhos,
                                std::span<const Point> points) {
  const Scalar one = Scalar::FromU64(1);
  if (rhos.empty()) rhos = {&one, 1};
  const size_t most = std::max<size_t>(1, kTermsTogether / rhos.size()) * rhos.size();
  vartime::Element sum;
  Scalar power = one;
  for (size_t first = 0; first < points.size(); first += most) {
    const auto some = points.subspan(first, std::min(most, points.size() - first));
    std::vector<Scalar> weights;
    weights.reserve(some.size());
    while (weights.size() < some.size()) {
      for (const Scalar& rho : rhos) weights.push_back(power * rho);
      power = power * base;
    }
    sum += vartime::MultiMul(weights, ToElements(some));
  }
  return sum;
}

Scalar FinalChallenge(Transcript& transcript, const Point& U, const Point& V) {
  return transcript.Append("U", U).Append("V", V).Challenge("x");
}

/// first, first + step, first + 2 step ..
class Steps {
 public:
  Steps(const vartime::Element& first, const vartime::Element& step) : next_(first), step_(step) {}

  /// At most so many more, and at most as many as are encoded together.
  std::vector<Point> Next(uint64_t most) {
    std::vector<vartime::Element> elements;
    for (uint64_t i = 0; i < std::min(most, kSteps); ++i) {
      elements.push_back(next_);
      next_ += step_;
    }
    return ToPoints(elements);
  }
  const vartime::Element& next() const { return next_; }

 private:
  static constexpr uint64_t kSteps = 1024;
  vartime::Element next_;
  const vartime::Element step_;
};

}  // namespace

DecryptionShare MakeDecryptionShare(const DecryptionStatement& statement,
                                    std::span<const SecretScalar> secrets) {
  Check(secrets.size() == statement.P.size(), "as many secrets as public shares are needed");
  DecryptionShare share;
  share.D.reserve(statement.R.size() * secrets.size());
  for (const Point& R : statement.R) {
    const consttime::Table table(ToElement(R));
    std::vector<consttime::Product> products;
    for (const SecretScalar& secret : secrets) products.push_back({&table, &secret});
    const auto row = consttime::SecretElement::Publish(consttime::Sums(products, 1));
    share.D.insert(share.D.end(), row.begin(), row.end());
  }
  Transcript transcript = ShareTranscript(statement, share.D);
  const Scalar sigma = transcript.Challenge("sigma");
  const Scalar rho = transcript.Challenge("rho");
  const Point R_star = ToPoint(FoldedByPowers(sigma, {}, statement.R));
  SecretScalar secret;
  for (size_t w = secrets.size(); w-- > 0;) secret = secret * rho + secrets[w];
  const SecretScalar u = Hedge(transcript, {base::View(secret.Expose())}).Next();
  share.U = MulBase(u);
  share.V = Mul(u, R_star);
  const Scalar x = FinalChallenge(transcript, share.U, share.V);
  share.z = (u + secret * x).Publish();
  return share;
}

absl::Status VerifyDecryptionShare(const DecryptionStatement& statement,
                                   const DecryptionShare& share) {
  const auto invalid = [&statement](std::string_view why) {
    return base::Reject(
        "decryption.share-invalid",
        base::Cat("trustee ", statement.trustee, ", contest ", statement.contest, ": ", why));
  };
  const size_t ciphertexts = statement.R.size(), slots = statement.P.size();
  if (ciphertexts == 0 || slots == 0) return invalid("nothing to decrypt");
  if (share.D.size() != ciphertexts * slots) {
    return invalid(base::Cat(share.D.size(), " points instead of ", slots, " for each of ",
                             ciphertexts, " ciphertexts"));
  }
  for (size_t b = 0; b < ciphertexts; ++b) {
    if (statement.R[b].IsIdentity()) return invalid(base::Cat("R ", b, " is the identity"));
  }
  for (size_t w = 0; w < slots; ++w) {
    if (statement.P[w].IsIdentity()) return invalid(base::Cat("P ", w, " is the identity"));
  }
  if (share.U.IsIdentity() || share.V.IsIdentity()) return invalid("U or V is the identity");

  Transcript transcript = ShareTranscript(statement, share.D);
  const Scalar sigma = transcript.Challenge("sigma");
  const std::vector<Scalar> rhos = Powers(transcript.Challenge("rho"), slots);
  const Scalar x = FinalChallenge(transcript, share.U, share.V);
  const Point R_star = ToPoint(FoldedByPowers(sigma, {}, statement.R));
  const Point D_star = ToPoint(FoldedByPowers(sigma, rhos, share.D));
  if (MulBase(share.z) != share.U + Mul(x, MultiMulVartime(rhos, statement.P)) ||
      Mul(share.z, R_star) != share.V + Mul(x, D_star)) {
    return invalid("the proof of correct decryption does not hold");
  }
  return absl::OkStatus();
}

Scalar LagrangeWeight(uint32_t i, std::span<const uint32_t> trustees) {
  Check(std::count(trustees.begin(), trustees.end(), i) == 1, "trustee missing or repeated");
  Scalar numerator = Scalar::FromU64(1), denominator = Scalar::FromU64(1);
  for (const uint32_t j : trustees) {
    Check(j != 0, "trustees count from 1");
    Check(std::count(trustees.begin(), trustees.end(), j) == 1, "trustee repeated");
    if (j == i) continue;
    numerator = numerator * Scalar::FromU64(j);
    denominator = denominator * (Scalar::FromU64(j) - Scalar::FromU64(i));
  }
  return numerator * denominator.Invert();
}

std::vector<Point> CombineDecryption(std::span<const Point> C, std::span<const uint32_t> trustees,
                                     std::span<const std::vector<Point>> shares_D) {
  Check(!trustees.empty() && trustees.size() == shares_D.size(), "one share per trustee is needed");
  std::vector<Scalar> weights = {Scalar::FromU64(1)};
  std::vector<std::vector<vartime::Element>> columns = {ToElements(C)};
  for (size_t i = 0; i < trustees.size(); ++i) {
    Check(shares_D[i].size() == C.size(), "one point per slot is needed");
    weights.push_back(-LagrangeWeight(trustees[i], trustees));
    columns.push_back(ToElements(shares_D[i]));
  }
  std::vector<vartime::Element> out;
  for (size_t w = 0; w < C.size(); ++w) {
    std::vector<vartime::Element> row;
    for (const auto& column : columns) row.push_back(column[w]);
    out.push_back(vartime::MultiMul(weights, row));
  }
  return ToPoints(out);
}

namespace {

/// Weights at 0 as fractions over one denominator: weight_i = factors[i] / denominator.
struct IntegerWeights {
  int64_t denominator = 1;
  std::vector<int64_t> factors;
};

/// Nothing where they would be long, which takes trustees with large and distant numbers.
std::optional<IntegerWeights> IntegerWeightsOf(std::span<const uint32_t> trustees) {
  constexpr int64_t kMost = int64_t{1} << 31;
  std::vector<int64_t> numerators, denominators;
  IntegerWeights out;
  for (const uint32_t i : trustees) {
    int64_t numerator = 1, denominator = 1;
    for (const uint32_t j : trustees) {
      if (j == i) continue;
      if (j > kMost || i > kMost) return std::nullopt;
      // Each below 2^31 before, below 2^62 after.
      numerator *= j;
      denominator *= int64_t{j} - int64_t{i};
      const int64_t common = std::gcd(numerator, denominator);
      numerator /= common;
      denominator /= common;
      if (numerator >= kMost || std::abs(denominator) >= kMost) return std::nullopt;
    }
    if (denominator < 0) numerator = -numerator, denominator = -denominator;
    out.denominator = std::lcm(out.denominator, denominator);
    if (out.denominator >= kMost) return std::nullopt;
    numerators.push_back(numerator);
    denominators.push_back(denominator);
  }
  for (size_t i = 0; i < trustees.size(); ++i) {
    out.factors.push_back(numerators[i] * (out.denominator / denominators[i]));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<uint32_t>> DecryptSmall(std::span<const Point> C,
                                                   std::span<const uint32_t> trustees,
                                                   std::span<const std::vector<Point>> shares_D,
                                                   uint32_t bound) {
  Check(!trustees.empty() && trustees.size() == shares_D.size(), "one share per trustee is needed");
  for (const auto& D : shares_D) Check(D.size() == C.size(), "one point per slot is needed");
  Check(bound <= 65535, "a bound that a table holds");
  // d C - sum (d weight_i) D_i = v d G, where short multipliers cost little: of each sign one.
  std::vector<Scalar> multipliers;
  std::vector<bool> negative(1 + trustees.size());
  const std::optional<IntegerWeights> integers = IntegerWeightsOf(trustees);
  const Scalar d = Scalar::FromU64(
      integers.has_value() ? static_cast<uint64_t>(integers->denominator) : uint64_t{1});
  multipliers.push_back(d);
  for (size_t i = 0; i < trustees.size(); ++i) {
    if (integers.has_value()) {
      const int64_t factor = integers->factors[i];
      negative[1 + i] = factor > 0;
      multipliers.push_back(Scalar::FromU64(static_cast<uint64_t>(std::abs(factor))));
    } else {
      multipliers.push_back(-LagrangeWeight(trustees[i], trustees));
    }
  }
  absl::flat_hash_map<Point, uint32_t> values;
  Steps steps(vartime::Element(), ToElement(MulBase(d)));
  while (values.size() <= bound) {
    for (const Point& multiple : steps.Next(uint64_t{bound} + 1 - values.size())) {
      values.emplace(multiple, static_cast<uint32_t>(values.size()));
    }
  }
  std::vector<uint32_t> out;
  out.reserve(C.size());
  for (size_t first = 0; first < C.size(); first += kCiphertextsTogether) {
    const size_t count = std::min(kCiphertextsTogether, C.size() - first);
    std::vector<std::vector<vartime::Element>> columns = {ToElements(C.subspan(first, count))};
    for (const auto& D : shares_D) {
      columns.push_back(ToElements(std::span<const Point>(D).subspan(first, count)));
    }
    std::vector<vartime::Element> sums, row(columns.size());
    for (size_t b = 0; b < count; ++b) {
      for (size_t k = 0; k < columns.size(); ++k) {
        row[k] = negative[k] ? -columns[k][b] : columns[k][b];
      }
      sums.push_back(vartime::MultiMul(multipliers, row));
    }
    for (const Point& sum : ToPoints(sums)) {
      const auto found = values.find(sum);
      if (found == values.end()) {
        return base::Reject(
            "tally.out-of-bound",
            base::Cat("value ", out.size(), ": what was decrypted is not in 0..", bound));
      }
      out.push_back(found->second);
    }
  }
  return out;
}

absl::StatusOr<uint64_t> DiscreteLogVartime(const Point& point, uint64_t bound) {
  uint64_t table_size = 1;
  while (table_size < kMaxTable && table_size * table_size <= bound) table_size *= 2;

  absl::flat_hash_map<Point, uint64_t> baby_steps;
  baby_steps.reserve(table_size);
  Steps steps(vartime::Element(), vartime::Element::Base());
  while (baby_steps.size() < table_size) {
    for (const Point& multiple : steps.Next(table_size - baby_steps.size())) {
      baby_steps.emplace(multiple, baby_steps.size());
    }
  }
  const vartime::Element giant_step = steps.next();  // table_size * G
  const uint64_t last = bound / table_size;
  Steps rests(ToElement(point), -giant_step);
  for (uint64_t i = 0; i <= last;) {
    for (const Point& rest : rests.Next(last - i + 1)) {
      const auto found = baby_steps.find(rest);
      if (found != baby_steps.end() && found->second <= bound - i * table_size) {
        return i * table_size + found->second;
      }
      ++i;
    }
  }
  return base::Reject("tally.out-of-bound", base::Cat("the decrypted value is not in 0..", bound));
}

}  // namespace urna::crypto
