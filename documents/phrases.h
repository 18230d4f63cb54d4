#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "documents/words.h"

namespace urna::documents {

inline constexpr size_t kLanguages = 3;

/// What documents say. The words stand in phrases.cc.
enum class Phrase : uint8_t {
  kRecordOfResult,
  kRecordOfCancellation,
  kRehearsal,
  kKind,
  kKindMajority,
  kKindTwoThirds,
  kKindVariants,
  kKindRecall,
  kKindTotals,
  kVotingFrom,
  kVotingEnd,
  kExtended,
  kCertifiedAt,
  kCancelledAt,
  kCancelledStatement,
  kReason,
  kParticipation,
  kLine,
  kWhat,
  kCount,
  kEntitled,
  kGotTokens,
  kCardsOnline,
  kCardsPaper,
  kCardsTogether,
  kTurnout,
  kTurnoutValue,
  kQuestion,
  kOption,
  kOnline,
  kPaper,
  kTogether,
  kOfValid,
  kOfCards,
  kMeanPerCard,
  kAllOptions,
  kQuestionEntitled,
  kQuestionCardsOnline,
  kQuestionCardsPaper,
  kQuestionCards,
  kValid,
  kInvalid,
  kNotOneMark,
  kQuorum,
  kQuorumTurnout,
  kQuorumRecall,
  kQuorumNone,
  kQuorumOutcome,
  kReached,
  kNotReached,
  kRule,
  kRuleNone,
  kRuleMajority,
  kRuleTwoThirds,
  kRuleVariants,
  kVerdict,
  kVerdictNone,
  kVerdictInvalid,
  kVerdictUndecided,
  kVerdictDecided,
  kWithheld,
  kCourseHeading,
  kNothingHappened,
  kPause,
  kPauseToEnd,
  kExtension,
  kWithReason,
  kReplacedCredentials,
  kLotOutcome,
  kMissingRegister,
  kLostRecords,
  kReconciliation,
  kStyle,
  kTotal,
  kColRoll,
  kColRegister,
  kColAnswered,
  kColCast,
  kColPaper,
  kColDidNotVote,
  kColUnused,
  kColAgain,
  kColReplacing,
  kColReplaced,
  kFewer,
  kHiddenLegend,
  kSignatures,
  kOfficialsCertified,
  kOfficialsCancelled,
  kTrustees,
  kNoTrustees,
  kIssuers,
  kName,
  kKey,
  kIdentification,
  kPollId,
  kDefinitionSha256,
  kPersonsSha256,
  kLedgerOrigin,
  kLedgerSize,
  kLedgerRoot,
  kCheckpointSignature,
  kHowToCheck,
  kSignedInLedger,
};
inline constexpr size_t kPhrases = static_cast<size_t>(Phrase::kSignedInLedger) + 1;

/// The words of a phrase with {0}, {1}, ... replaced by `arguments`, which are taken as they are.
std::string Say(Language language, Phrase phrase, const std::vector<std::string>& arguments = {});
/// The words with their placeholders.
std::string_view WordsOf(Language language, Phrase phrase);

}  // namespace urna::documents
