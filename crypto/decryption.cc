#include "crypto/decryption.h"

#include <algorithm>
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

// Everything before U and V.
Transcript ShareTranscript(const DecryptionStatement& statement,
                           const std::vector<std::vector<Point>>& D) {
  Transcript transcript("decryption");
  transcript.Append("opening", statement.opening)
      .Append("closed", statement.closed)
      .Append("contest", statement.contest)
      .Append("trustee", uint64_t{statement.trustee});
  for (const Point& R : statement.R) transcript.Append("R", R);
  for (const Point& P : statement.P) transcript.Append("P", P);
  for (const auto& row : D) {
    for (const Point& point : row) transcript.Append("D", point);
  }
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
  for (const Point& R : statement.R) {
    const consttime::Table table(ToElement(R));
    std::vector<consttime::Product> products;
    for (const SecretScalar& secret : secrets) products.push_back({&table, &secret});
    share.D.push_back(consttime::SecretElement::Publish(consttime::Sums(products, 1)));
  }
  Transcript transcript = ShareTranscript(statement, share.D);
  const Scalar sigma = transcript.Challenge("sigma");
  const Scalar rho = transcript.Challenge("rho");
  const Point R_star = MultiMulVartime(Powers(sigma, statement.R.size()), statement.R);
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
  if (share.D.size() != ciphertexts) {
    return invalid(base::Cat(share.D.size(), " ciphertexts instead of ", ciphertexts));
  }
  for (size_t b = 0; b < ciphertexts; ++b) {
    if (share.D[b].size() != slots) {
      return invalid(
          base::Cat("ciphertext ", b, ": ", share.D[b].size(), " slots instead of ", slots));
    }
    if (statement.R[b].IsIdentity()) return invalid(base::Cat("R ", b, " is the identity"));
  }
  for (size_t w = 0; w < slots; ++w) {
    if (statement.P[w].IsIdentity()) return invalid(base::Cat("P ", w, " is the identity"));
  }
  if (share.U.IsIdentity() || share.V.IsIdentity()) return invalid("U or V is the identity");

  Transcript transcript = ShareTranscript(statement, share.D);
  const std::vector<Scalar> sigmas = Powers(transcript.Challenge("sigma"), ciphertexts);
  const std::vector<Scalar> rhos = Powers(transcript.Challenge("rho"), slots);
  const Scalar x = FinalChallenge(transcript, share.U, share.V);
  std::vector<Scalar> weights;
  std::vector<Point> flat;
  for (size_t b = 0; b < ciphertexts; ++b) {
    for (size_t w = 0; w < slots; ++w) {
      weights.push_back(sigmas[b] * rhos[w]);
      flat.push_back(share.D[b][w]);
    }
  }
  if (MulBase(share.z) != share.U + Mul(x, MultiMulVartime(rhos, statement.P)) ||
      Mul(share.z, MultiMulVartime(sigmas, statement.R)) !=
          share.V + Mul(x, MultiMulVartime(weights, flat))) {
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
