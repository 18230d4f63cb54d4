#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crypto/ballot.h"
#include "tests/crypto/support.h"

namespace urna::crypto {

/// What an invalid voter's software can do: encrypt and prove any values, also negative ones, as
/// an honest prover would. (Its proof then lacks a leading coefficient that is not zero.) `replace`
/// exchanges ciphertexts before they are hashed and proven, so that every challenge is in order.
class BallotAttacks {
 public:
  static Ballot Forge(const BallotContext& context, const BallotKey& key, std::vector<Token> tokens,
                      const std::vector<std::vector<int64_t>>& votes,
                      const std::function<void(std::vector<Ciphertext>&)>& replace = {}) {
    std::vector<std::vector<SecretScalar>> scalars;
    for (const auto& contest : votes) {
      auto& row = scalars.emplace_back();
      for (const int64_t vote : contest) {
        row.push_back(vote >= 0 ? SecretScalar::FromU64(static_cast<uint64_t>(vote))
                                : SecretScalar() - Scalar::FromU64(static_cast<uint64_t>(-vote)));
      }
    }
    PreparedBallot prepared = PreparedBallot::EncryptUnchecked(context, std::move(scalars));
    if (replace) replace(prepared.contests_);
    return std::move(prepared).Cast(context, key, std::move(tokens), 1);
  }
};

/// An open poll with its issuers, and a voter of it who holds tokens.
struct TestPoll {
  std::vector<IssuerKey> issuer_keys;
  BallotContext context;
  BallotKey key;
  std::vector<Token> tokens;

  explicit TestPoll(std::vector<ContestShape> contests, uint32_t issuers = 1) {
    context.opening = SomeHash(1);
    context.shape = {"miasto", std::move(contests), issuers};
    uint32_t widest = 0;
    for (const auto& contest : context.shape.contests) {
      widest = std::max(widest, SlotCount(contest.rule));
    }
    for (uint32_t w = 0; w < widest; ++w) context.keys.push_back(MulBase(Scalar::Random()));
    for (uint32_t i = 0; i < issuers; ++i) {
      issuer_keys.push_back(IssuerKey::New());
      context.issuers.emplace_back(context.opening, context.shape.style, issuer_keys[i].X);
    }
    key = DeriveBallotKey(NewOmega(), context.opening);
    tokens = TokensFor(key.BK, context.issuers);
  }

  std::vector<Token> TokensFor(const Point& BK, const std::vector<TokenInfo>& infos) const {
    std::vector<Token> out;
    for (size_t i = 0; i < issuer_keys.size(); ++i) {
      IssuerSession session(infos[i]);
      const TokenRequest request(infos[i], session.offer(), NewOmega(), BK);
      const auto answer = std::move(session).Respond(issuer_keys[i], request.challenge());
      out.push_back(request.Unblind(answer.value()).value());
    }
    return out;
  }

  Ballot Vote(std::vector<std::vector<uint32_t>> votes, uint16_t revision = 1) const {
    return PreparedBallot::Encrypt(context, std::move(votes))
        .value()
        .Cast(context, key, tokens, revision);
  }
  Ballot Forge(const std::vector<std::vector<int64_t>>& votes) const {
    return BallotAttacks::Forge(context, key, tokens, votes);
  }
  absl::Status Check(const Ballot& ballot) const { return CheckIn(context, ballot); }

  static absl::Status CheckIn(const BallotContext& context, const Ballot& ballot) {
    const BallotToCheck item{&context, &ballot};
    return CheckBallots({&item, 1})[0];
  }
};

}  // namespace urna::crypto
