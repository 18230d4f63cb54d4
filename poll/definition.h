#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/ballot.h"
#include "crypto/signature.h"
#include "ledger/note.h"
#include "poll/counting/budget_rule.h"

namespace urna::poll {

/// Longest definition, as JSON.
inline constexpr size_t kMaxDefinitionBytes = size_t{4} << 20;

/// One text in every language of the poll: language tag -> text.
using Texts = std::map<std::string, std::string>;

/// What an option of a participatory budget asks money for.
struct Project {
  std::string number;  ///< as voters know it: distinct in its contest, and no other option's id
  uint64_t cost = 0;   ///< minor units, 1 to the pool's amount
  Texts description;   ///< this and the next two: without any text if they were not given
  Texts category;
  Texts place;
};

struct Option {
  std::string id;
  Texts text;
  std::optional<Project> project = std::nullopt;  ///< of a Budget: every option has one
};

enum class TallyKind { kHomomorphic, kMixed };

/// How the outcome of a contest follows from its totals. docs/protocol.md section 8.
/// Option numbers count from 0.
struct NoDecision {};  ///< totals only: surveys, consultations
/// Yes if 2 yes > valid, no if 2 no > valid, otherwise undecided.
struct Majority {
  uint32_t yes, no;
};
/// Self-taxation: yes if 3 yes >= 2 valid, otherwise no.
struct TwoThirds {
  uint32_t yes, no;
};
/// Choice between variants: the one with 2 votes > valid, otherwise undecided.
struct Variants {};
/// A participatory budget: the contest is a pool of money, its options are projects.
struct Budget {
  uint64_t amount = 0;    ///< minor units
  std::string currency;   ///< "PLN"
  uint32_t decimals = 0;  ///< one unit of the currency is 10^decimals minor units
  /// Without a lot, which is drawn later. What it asks for, the contest's tally gives.
  counting::BudgetRule rule;
};
using Decision = std::variant<NoDecision, Majority, TwoThirds, Variants, Budget>;

struct Contest {
  std::string id;
  Texts title;
  Texts question;
  std::vector<Option> options;
  crypto::Rule rule;
  TallyKind tally = TallyKind::kHomomorphic;  ///< kMixed if and only if `rule` is Picks
  // Of Picks:
  uint32_t least_picks = 0;  ///< with fewer, the ballot is void in this contest
  bool ranked = false;       ///< picks give points by their place
  /// Of a Budget: a ballot whose picks cost more together is void. Minor units.
  std::optional<uint64_t> cost_limit = std::nullopt;
  Decision decision;
};
/// Points that pick `place` (from 0) gives its option: 1; where ranked, w for the first of w picks,
/// w - 1 for the second, and so on. Precondition: the rule is Picks.
uint32_t PointsOfPick(const Contest& contest, size_t place);
/// What one option gets of one ballot, at most.
uint64_t LargestMark(const Contest& contest);

/// When the contests of the poll are valid at all.
struct NoQuorum {};
/// denominator * participants >= numerator * entitled (a local referendum: 3/10).
struct TurnoutQuorum {
  uint64_t numerator, denominator;
};
/// Recall of an elected body: 5 * participants >= 3 * those who voted in its election.
struct RecallQuorum {
  uint64_t voters_then;
};
using Quorum = std::variant<NoQuorum, TurnoutQuorum, RecallQuorum>;

/// Which contests a resident gets.
struct Style {
  std::string id;
  Texts title;
  std::vector<uint32_t> contests;  ///< indices into Definition::contests, ascending
};

/// A person or body with an Ed25519 key.
struct Party {
  std::string name;
  crypto::Ed25519Public key;
};

/// What the officials approve: the whole poll, as the exact JSON text whose hash record 0 carries.
/// docs/protocol.md section 3, "Definition".
struct Definition {
  std::string roll_label;  ///< salt of printed codes; polls that share it share codes
  bool rehearsal = false;
  std::vector<std::string> languages;  ///< at least one; every Texts has exactly these
  Texts title;
  Texts description;

  std::vector<Contest> contests;
  std::vector<Style> styles;
  Quorum quorum;

  std::vector<Party> officials;
  uint32_t officials_needed = 0;  ///< k
  std::vector<Party> trustees;    ///< trustee j is trustees[j-1]
  uint32_t trustees_needed = 0;   ///< t
  std::vector<Party> issuers;
  ledger::NoteKey ballot_box;  ///< origin and checkpoint key
  std::vector<ledger::NoteKey> witnesses;
  uint32_t witnesses_needed = 0;  ///< that cosign the closed ledger before trustees decrypt

  // Unix seconds.
  uint64_t issuing_from = 0;
  uint64_t casting_from = 0;
  uint64_t end = 0;
  uint64_t latest_end = 0;        ///< no extension passes it
  uint64_t publish_every = 3600;  ///< seconds

  uint64_t minimum_ballots = 2;  ///< a contest with fewer counted ballots is withheld
  bool revoting = true;

  /// W: ciphertext slots of the widest contest.
  uint32_t keys() const;
  /// The ballot of style `style` (index).
  crypto::BallotShape Shape(uint32_t style) const;
};

/// Strict: unknown and duplicate keys, wrong types, missing translations, sizes that would not fit
/// a record, thresholds out of range are refused with Reject("definition.invalid"); the message
/// begins with the place: "line 12, column 5" for JSON syntax, otherwise the path
/// "contests[1].options[0].id".
absl::StatusOr<Definition> ParseDefinition(std::string_view json);

/// A commented start for `kind` ("referendum", "survey", "consultation", "budget"): JSON with every
/// field, and lines beginning with // that explain them. It parses once its comments are stripped
/// and its placeholders, "PUT-...-HERE", are filled in. Errors: NotFound with the known kinds.
absl::StatusOr<std::string> DefinitionTemplate(std::string_view kind, bool rehearsal = false);

/// The same start with `texts` as its fields from "title" to "quorum", each line ending with a comma.
std::string TemplateAround(const std::vector<std::string>& languages, std::string_view texts);

/// The definition of a rehearsal of the poll that `json` defines: the same but for `rehearsal`, an
/// origin of its own, a roll label of its own, so that the codes of the one are never accepted by
/// the other, and times that begin at `from`. With `end` (0: none) tokens and ballots are accepted
/// from the start until then; without it all intervals stay as they are. Unix seconds.
/// Errors: those of ParseDefinition; Reject("definition.invalid") if it is a rehearsal already.
absl::StatusOr<std::string> RehearsalOf(std::string_view json, uint64_t from, uint64_t end);

/// Empties every line whose first characters other than blanks are //. Lines keep their numbers.
/// A poll's definition has no comments: clients strip them before anybody approves the text.
std::string StripTemplateComments(std::string_view text);

}  // namespace urna::poll
