#pragma once

// The mix as the text of the protocol defines it (section 8), item by item and by libsodium's
// arithmetic alone: a verifier that says which equations fail, and a prover that may cheat.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/shuffle.h"
#include "tests/crypto/support.h"

namespace urna::crypto {

struct MixProof {
  VectorList out;
  std::vector<Point> c, chain;
  std::vector<Point> t;  // t1, t2, t3, t4 (R part, then each C)
  std::vector<Point> t_chain;
  std::vector<Scalar> s;  // s1 .. s4
  std::vector<Scalar> s_chain, s_out;
};

inline std::vector<std::string> PartsOf(const MixProof& proof) {
  using Section = MixLayout::Section;
  const MixLayout layout(proof.out.size(), proof.out.width);
  std::vector<std::string> parts;
  for (size_t p = 0; p < layout.part_count(); ++p) {
    const MixLayout::Part& place = layout.part(p);
    MixPart part;
    const auto points = [&](const std::vector<Point>& all) {
      const auto from = all.begin() + static_cast<ptrdiff_t>(place.first_row * place.columns);
      part.points.assign(from, from + static_cast<ptrdiff_t>(place.items()));
    };
    switch (place.section) {
      case Section::kOutputs:
        points(proof.out.points);
        break;
      case Section::kPermutation:
        points(proof.c);
        break;
      case Section::kChain:
        points(proof.chain);
        break;
      case Section::kCommitments:
        points(proof.t);
        break;
      case Section::kChainCommitments:
        points(proof.t_chain);
        break;
      case Section::kResponses:
        part.scalars = proof.s;
        break;
      case Section::kBallotResponses:
        for (size_t i = place.first_row; i < place.first_row + place.rows; ++i) {
          part.scalars.push_back(proof.s_chain[i]);
          part.scalars.push_back(proof.s_out[i]);
        }
        break;
    }
    parts.push_back(EncodeMixPart(part));
  }
  return parts;
}

inline MixProof ProofOf(size_t ballots, size_t width, const std::vector<std::string>& parts) {
  const MixLayout layout(ballots, width);
  std::vector<Point> points;
  std::vector<Scalar> scalars;
  EXPECT_EQ(parts.size(), layout.part_count());
  for (size_t p = 0; p < parts.size(); ++p) {
    const MixPart part = DecodeMixPart(layout.part(p), parts[p]).value();
    points.insert(points.end(), part.points.begin(), part.points.end());
    scalars.insert(scalars.end(), part.scalars.begin(), part.scalars.end());
  }
  MixProof proof;
  auto next = points.begin();
  const auto take = [&next](size_t count) {
    const auto from = std::exchange(next, next + static_cast<ptrdiff_t>(count));
    return std::vector<Point>(from, next);
  };
  proof.out = {width, take(ballots * (width + 1))};
  proof.c = take(ballots);
  proof.chain = take(ballots);
  proof.t = take(width + 4);
  proof.t_chain = take(ballots);
  EXPECT_EQ(next, points.end());
  proof.s.assign(scalars.begin(), scalars.begin() + 4);
  for (size_t i = 4; i < scalars.size(); i += 2) {
    proof.s_chain.push_back(scalars[i]);
    proof.s_out.push_back(scalars[i + 1]);
  }
  return proof;
}

inline absl::Status VerifyParts(const MixStatement& statement, const VectorList& inputs,
                                const std::vector<std::string>& parts) {
  MixVerifier verifier(statement, inputs);
  for (const std::string& part : parts) {
    const absl::Status added = verifier.Add(part);
    if (!added.ok()) return added;
  }
  return std::move(verifier).Finish().status();
}

/// h_0 .. h_N
inline std::vector<Point> SpecBases(size_t ballots) {
  std::vector<Point> bases;
  for (size_t i = 0; i <= ballots; ++i) {
    const std::string hash = SpecTranscript::Sha512(
        SpecTranscript::Framed("urna/v1") + SpecTranscript::Framed("generator") +
        SpecTranscript::Framed("shuffle-h/" + std::to_string(i)));
    Hash64 wide;
    std::copy(hash.begin(), hash.end(), wide.begin());
    bases.push_back(Point::FromUniform(wide));
  }
  return bases;
}

/// Leaves one item out of the transcript: what a proof would be that does not bind it.
struct Unbound {
  std::string label;
  size_t index = 0;
};

class SpecMixTranscript {
 public:
  explicit SpecMixTranscript(Unbound unbound = {}) : unbound_(std::move(unbound)) {}
  void Append(std::string_view label, std::string_view data) {
    const size_t index = label == last_ ? index_ + 1 : 0;
    last_ = label;
    index_ = index;
    if (label == unbound_.label && index == unbound_.index) return;
    transcript_.Append(label, data);
  }
  void Append(std::string_view label, const std::vector<Point>& points) {
    for (const Point& point : points) Append(label, point.view());
  }
  Scalar Challenge(std::string_view label) { return transcript_.Challenge(label); }

 private:
  SpecTranscript transcript_{"shuffle"};
  const Unbound unbound_;
  std::string last_;
  size_t index_ = 0;
};

inline Scalar SpecChallengeU(SpecMixTranscript& transcript, const MixStatement& statement,
                             const VectorList& inputs, const MixProof& proof) {
  transcript.Append("opening", base::View(statement.opening));
  transcript.Append("closed", base::View(statement.closed));
  transcript.Append("contest", statement.contest);
  transcript.Append("mixer", SpecTranscript::LittleEndian(statement.mixer, 8));
  transcript.Append("K", statement.keys);
  transcript.Append("in", inputs.points);
  transcript.Append("out", proof.out.points);
  transcript.Append("c", proof.c);
  return transcript.Challenge("u");
}
inline Scalar SpecChallengeX(SpecMixTranscript& transcript, const MixProof& proof) {
  transcript.Append("chain", proof.chain);
  transcript.Append("t", proof.t);
  transcript.Append("t", proof.t_chain);
  return transcript.Challenge("x");
}
inline std::vector<Scalar> SpecExponents(const Scalar& u, size_t ballots) {
  std::vector<Scalar> out;
  for (size_t i = 0; i < ballots; ++i) {
    const std::string hash = SpecTranscript::Sha512(
        SpecTranscript::Framed("urna/v1") + SpecTranscript::Framed("shuffle-u") +
        SpecTranscript::Framed(u.view()) +
        SpecTranscript::Framed(SpecTranscript::LittleEndian(i, 4)));
    Hash64 wide;
    std::copy(hash.begin(), hash.end(), wide.begin());
    out.push_back(Scalar::FromUniform(wide));
  }
  return out;
}

/// The equations that do not hold: "t1", "t2", "t3", "t4/0" (R part) .., "chain/0" ...
inline std::set<std::string> SpecBroken(const MixStatement& statement, const VectorList& inputs,
                                        const MixProof& proof, const std::vector<Point>& h,
                                        const Unbound& unbound = {}) {
  const size_t n = inputs.size(), columns = inputs.columns();
  SpecMixTranscript transcript(unbound);
  const std::vector<Scalar> u =
      SpecExponents(SpecChallengeU(transcript, statement, inputs, proof), n);
  const Scalar x = SpecChallengeX(transcript, proof);
  std::set<std::string> broken;
  const auto check = [&broken](const std::string& name, const Point& left, const Point& right) {
    if (left != right) broken.insert(name);
  };
  Point sum_c, sum_uc, left3 = MulBase(proof.s[2]);
  Scalar product = One();
  for (size_t i = 0; i < n; ++i) {
    sum_c = sum_c + proof.c[i] - h[i + 1];
    sum_uc += Mul(u[i], proof.c[i]);
    left3 += Mul(proof.s_out[i], h[i + 1]);
    product = product * u[i];
    const Point& before = i == 0 ? h[0] : proof.chain[i - 1];
    check("chain/" + std::to_string(i), MulBase(proof.s_chain[i]) + Mul(proof.s_out[i], before),
          proof.t_chain[i] + Mul(x, proof.chain[i]));
  }
  check("t1", MulBase(proof.s[0]), proof.t[0] + Mul(x, sum_c));
  const Point& last = n == 0 ? h[0] : proof.chain.back();
  check("t2", MulBase(proof.s[1]), proof.t[1] + Mul(x, last - Mul(product, h[0])));
  check("t3", left3, proof.t[2] + Mul(x, sum_uc));
  for (size_t k = 0; k < columns; ++k) {
    Point left = Point() - Mul(proof.s[3], k == 0 ? Point::Base() : statement.keys[k - 1]), right;
    for (size_t i = 0; i < n; ++i) {
      left += Mul(proof.s_out[i], proof.out.points[i * columns + k]);
      right += Mul(u[i], inputs.points[i * columns + k]);
    }
    check("t4/" + std::to_string(k), left, proof.t[3 + k] + Mul(x, right));
  }
  return broken;
}

using Matrix = std::vector<std::vector<Scalar>>;

inline Matrix PermutationMatrix(const std::vector<size_t>& order) {
  Matrix out(order.size(), std::vector<Scalar>(order.size()));
  for (size_t i = 0; i < order.size(); ++i) out[i][order[i]] = One();
  return out;
}

/// A prover of the text, with what it may do wrong.
struct SpecMixer {
  const MixStatement& statement;
  const VectorList& inputs;
  Matrix committed;          // c_j = r_j G + sum_i committed[i][j] h_(i+1), and u' = committed u
  Matrix mixed = committed;  // e'_i = sum_j mixed[i][j] e_j, re-encrypted
  std::vector<Point> h = SpecBases(inputs.size());
  Unbound unbound = {};
  std::function<void(MixProof&)> change_outputs = [](MixProof&) {};      // before u
  std::function<void(MixProof&)> change_commitments = [](MixProof&) {};  // before x

  MixProof Prove() const {
    const size_t n = inputs.size(), columns = inputs.columns();
    const auto randoms = [](size_t count) {
      std::vector<Scalar> out;
      for (size_t i = 0; i < count; ++i) out.push_back(Scalar::Random());
      return out;
    };
    const std::vector<Scalar> r_out = randoms(n), r = randoms(n), r_chain = randoms(n);
    const std::vector<Scalar> omega = randoms(4), omega_chain = randoms(n), omega_out = randoms(n);
    const auto key = [this](size_t k) { return k == 0 ? Point::Base() : statement.keys[k - 1]; };
    MixProof proof;
    proof.out.width = inputs.width;
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < columns; ++k) {
        Point point = Mul(r_out[i], key(k));
        for (size_t j = 0; j < n; ++j) {
          point += Mul(mixed[i][j], inputs.points[j * columns + k]);
        }
        proof.out.points.push_back(point);
      }
    }
    for (size_t j = 0; j < n; ++j) {
      Point c = MulBase(r[j]);
      for (size_t i = 0; i < n; ++i) c += Mul(committed[i][j], h[i + 1]);
      proof.c.push_back(c);
    }
    change_outputs(proof);
    SpecMixTranscript transcript(unbound);
    const std::vector<Scalar> u =
        SpecExponents(SpecChallengeU(transcript, statement, inputs, proof), n);
    std::vector<Scalar> u_out(n);
    Scalar sum_r, sum_ru, sum_out, sum_chain;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) u_out[i] = u_out[i] + committed[i][j] * u[j];
      sum_r = sum_r + r[i];
      sum_ru = sum_ru + r[i] * u[i];
      sum_out = sum_out + r_out[i] * u_out[i];
    }
    for (size_t i = 0; i < n; ++i) {
      Scalar v = One();
      for (size_t j = i + 1; j < n; ++j) v = v * u_out[j];
      sum_chain = sum_chain + r_chain[i] * v;
    }
    Point before = h[0];
    for (size_t i = 0; i < n; ++i) {
      proof.t_chain.push_back(MulBase(omega_chain[i]) + Mul(omega_out[i], before));
      before = MulBase(r_chain[i]) + Mul(u_out[i], before);
      proof.chain.push_back(before);
    }
    proof.t = {MulBase(omega[0]), MulBase(omega[1]), MulBase(omega[2])};
    for (size_t i = 0; i < n; ++i) proof.t[2] += Mul(omega_out[i], h[i + 1]);
    for (size_t k = 0; k < columns; ++k) {
      Point t4 = Point() - Mul(omega[3], key(k));
      for (size_t i = 0; i < n; ++i) t4 += Mul(omega_out[i], proof.out.points[i * columns + k]);
      proof.t.push_back(t4);
    }
    change_commitments(proof);
    const Scalar x = SpecChallengeX(transcript, proof);
    proof.s = {omega[0] + x * sum_r, omega[1] + x * sum_chain, omega[2] + x * sum_ru,
               omega[3] + x * sum_out};
    for (size_t i = 0; i < n; ++i) {
      proof.s_chain.push_back(omega_chain[i] + x * r_chain[i]);
      proof.s_out.push_back(omega_out[i] + x * u_out[i]);
    }
    return proof;
  }
};

/// Ballots of one contest, encrypted to keys whose secrets the test knows.
struct TestMix {
  std::vector<Scalar> secrets;
  MixStatement statement{SomeHash(1), SomeHash(2), "projekty", 1, {}};
  VectorList inputs;

  TestMix(size_t ballots, size_t width) {
    inputs.width = width;
    for (size_t k = 0; k < width; ++k) {
      secrets.push_back(Scalar::Random());
      statement.keys.push_back(MulBase(secrets.back()));
    }
    for (size_t i = 0; i < ballots; ++i) Add(VoteOf(i));
  }
  std::vector<uint64_t> VoteOf(size_t i) const {
    std::vector<uint64_t> vote;
    for (size_t k = 0; k < inputs.width; ++k) vote.push_back(1000 * k + i);
    return vote;
  }
  void Add(const std::vector<uint64_t>& vote) {
    const Scalar r = Scalar::Random();
    inputs.points.push_back(MulBase(r));
    for (size_t k = 0; k < vote.size(); ++k) {
      inputs.points.push_back(Mul(r, statement.keys[k]) + MulBase(Scalar::FromU64(vote[k])));
    }
  }
  /// What each vector encrypts, as points.
  std::vector<std::vector<Point>> Decrypt(const VectorList& list) const {
    std::vector<std::vector<Point>> out;
    for (size_t i = 0; i < list.size(); ++i) {
      const Point* const row = &list.points[i * list.columns()];
      auto& vote = out.emplace_back();
      for (size_t k = 0; k < list.width; ++k) vote.push_back(row[1 + k] - Mul(secrets[k], row[0]));
    }
    return out;
  }
  std::vector<std::string> Mixed() const {
    std::vector<std::string> parts;
    const auto outputs = Mix(statement, inputs, [&parts](std::string_view part) {
      parts.emplace_back(part);
      return absl::OkStatus();
    });
    EXPECT_THAT(outputs, Ok());
    return parts;
  }
  absl::Status Verify(const std::vector<std::string>& parts) const {
    return VerifyParts(statement, inputs, parts);
  }
  absl::Status Verify(const MixProof& proof) const { return Verify(PartsOf(proof)); }
};

}  // namespace urna::crypto
