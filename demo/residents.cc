// The residents of the demonstration: invents them, plans how they vote so that the totals are
// known beforehand, and lets them vote over gRPC with the code of the real client.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/connection.h"
#include "client/issuers.h"
#include "client/poll_view.h"
#include "client/roll.h"
#include "client/voter.h"
#include "client/wallet.h"
#include "crypto/credential.h"

namespace urna::demo {
namespace {

using base::Cat;
using client::CsvRow;
using client::FormatCsvRow;
using crypto::Hash32;
using Json = nlohmann::json;

absl::Status Bad(std::string_view what) {
  return base::Failure(absl::StatusCode::kInvalidArgument, what);
}

// --- Facts ---------------------------------------------------------------------------------------

struct Question {
  std::string id;
  std::vector<std::string> answers;  ///< option ids, and at the end "blank"
  std::vector<uint64_t> votes;       ///< of each answer, in the real referendum
};
struct Facts {
  uint64_t turnout = 0;  ///< hundredths of a per cent
  std::vector<Question> questions;
  std::vector<std::string> districts;
};

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

absl::StatusOr<Facts> ReadFacts(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto field = [&](const char* name) -> const Json& {
    static const Json kNothing;
    const auto found = json.find(name);
    return found == json.end() ? kNothing : *found;
  };
  const Json& turnout = field("turnout_percent");
  const Json& participants = field("participants");
  const Json& contests = field("contests");
  const Json& votes = field("votes");
  const Json& districts = field("districts");
  if (!json.is_object() || !turnout.is_string() || !participants.is_number_unsigned() ||
      !contests.is_array() || !votes.is_object() || !districts.is_array()) {
    return Bad(Cat(path, ": is no file of facts"));
  }
  Facts facts;
  const std::vector<std::string_view> parts =
      base::Split(turnout.get_ref<const std::string&>(), '.');
  uint64_t whole = 0, hundredths = 0;
  if (parts.size() != 2 || !base::ParseU64(parts[0], &whole) || parts[1].size() != 2 ||
      !base::ParseU64(parts[1], &hundredths)) {
    return Bad(Cat(path, ": turnout_percent is not like 35.96"));
  }
  facts.turnout = 100 * whole + hundredths;
  for (const Json& contest : contests) {
    Question question;
    question.id = Text(contest, "id");
    const auto options = contest.find("options");
    const auto counted = votes.find(question.id);
    if (options == contest.end() || counted == votes.end()) {
      return Bad(Cat(path, ": no options or no votes of \"", question.id, "\""));
    }
    uint64_t blank = participants.get<uint64_t>();
    for (const Json& option : *options) {
      question.answers.push_back(Text(option, "id"));
      const auto count = counted->find(question.answers.back());
      if (count == counted->end() || !count->is_number_unsigned() ||
          count->get<uint64_t>() > blank) {
        return Bad(Cat(path, ": the votes of \"", question.id, "\" do not add up"));
      }
      question.votes.push_back(count->get<uint64_t>());
      blank -= question.votes.back();
    }
    question.answers.push_back("blank");
    question.votes.push_back(blank);
    facts.questions.push_back(std::move(question));
  }
  for (const Json& district : districts) facts.districts.push_back(Text(district, "id"));
  if (facts.questions.empty() || facts.districts.empty()) {
    return Bad(Cat(path, ": has no questions or no districts"));
  }
  return facts;
}

// --- Plan ----------------------------------------------------------------------------------------

/// SplitMix64: the same plan on every machine. Nothing secret comes from it.
class Shuffler {
 public:
  explicit Shuffler(uint64_t seed) : state_(seed) {}

  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Next() % i]);
  }

 private:
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

/// `total` shared out in proportion to `weights`, by largest remainder.
std::vector<uint64_t> ShareOut(uint64_t total, const std::vector<uint64_t>& weights) {
  uint64_t sum = 0;
  for (const uint64_t w : weights) sum += w;
  std::vector<uint64_t> shares;
  std::vector<std::pair<uint64_t, size_t>> remainders;
  uint64_t left = total;
  for (size_t i = 0; i < weights.size(); ++i) {
    shares.push_back(total * weights[i] / sum);
    remainders.emplace_back(total * weights[i] % sum, i);
    left -= shares.back();
  }
  std::ranges::sort(remainders, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (size_t i = 0; i < left; ++i) ++shares[remainders[i].second];
  return shares;
}

/// Answers to all questions, by index into Question::answers.
using Answers = std::vector<size_t>;

struct PlannedVote {
  size_t resident = 0;           ///< from 0
  bool by_urna = false;          ///< through the program `urna`, not here
  std::optional<Answers> first;  ///< voted before, and replaced
  Answers answers;
};

/// Residents 1 and 2, who have codes, and the last one, whose key `urna roll key` made, vote
/// through the program `urna`. The second votes twice, and so does one of every twenty.
std::vector<PlannedVote> MakePlan(const Facts& facts, size_t residents) {
  Shuffler shuffler(20140525);
  const size_t turnout = std::max<size_t>((residents * facts.turnout + 5000) / 10000, 3);
  std::vector<size_t> others;
  for (size_t i = 2; i + 1 < residents; ++i) others.push_back(i);
  shuffler.Shuffle(others);
  others.resize(turnout - 3);
  std::vector<size_t> voters = {0, 1, residents - 1};
  voters.insert(voters.end(), others.begin(), others.end());

  std::vector<PlannedVote> plan(turnout);
  for (const Question& question : facts.questions) {
    std::vector<size_t> answers;
    const std::vector<uint64_t> shares = ShareOut(turnout, question.votes);
    for (size_t a = 0; a < shares.size(); ++a) answers.insert(answers.end(), shares[a], a);
    shuffler.Shuffle(answers);
    for (size_t v = 0; v < turnout; ++v) plan[v].answers.push_back(answers[v]);
  }
  for (size_t v = 0; v < turnout; ++v) {
    plan[v].resident = voters[v];
    plan[v].by_urna = v < 3;
    if (v % 20 != 1) continue;
    plan[v].first.emplace();
    for (size_t q = 0; q < facts.questions.size(); ++q) {
      plan[v].first->push_back((plan[v].answers[q] + 1) % facts.questions[q].answers.size());
    }
  }
  return plan;
}

std::string ResidentId(size_t resident) {
  const std::string number = Cat(resident + 1);
  return number.size() < 6 ? std::string(6 - number.size(), '0') + number : number;
}

std::string Words(const Facts& facts, const Answers& answers) {
  std::string words;
  for (size_t q = 0; q < answers.size(); ++q) {
    words += Cat(q == 0 ? "" : " ", facts.questions[q].answers[answers[q]]);
  }
  return words;
}

absl::StatusOr<Answers> ParseWords(const Facts& facts, const std::string& words) {
  const std::vector<std::string_view> pieces = base::Split(words, ' ');
  Answers answers;
  for (size_t q = 0; q < facts.questions.size() && q < pieces.size(); ++q) {
    const auto& known = facts.questions[q].answers;
    const auto found = std::ranges::find(known, pieces[q]);
    if (found != known.end()) answers.push_back(static_cast<size_t>(found - known.begin()));
  }
  if (answers.size() == facts.questions.size() && pieces.size() == answers.size()) return answers;
  return Bad(Cat("the plan's answers \"", words, "\" do not fit the questions"));
}

Json Expected(const Facts& facts, const std::vector<PlannedVote>& plan, size_t residents) {
  Json contests = Json::array();
  for (size_t q = 0; q < facts.questions.size(); ++q) {
    const Question& question = facts.questions[q];
    std::vector<uint64_t> counts(question.answers.size(), 0);
    for (const PlannedVote& vote : plan) ++counts[vote.answers[q]];
    Json votes = Json::object();
    for (size_t a = 0; a + 1 < counts.size(); ++a) votes[question.answers[a]] = counts[a];
    contests.push_back({{"id", question.id}, {"votes", votes}, {"invalid", counts.back()}});
  }
  const auto again =
      std::ranges::count_if(plan, [](const PlannedVote& vote) { return vote.first.has_value(); });
  return {{"entitled", residents},
          {"ballots", plan.size()},
          {"voted_again", again},
          {"contests", contests}};
}

// --- make ----------------------------------------------------------------------------------------

struct MakeFlags {
  std::string facts, label, out;
  size_t residents = 2000;
  size_t codes = 50;
};

client::Resident Invent(const Facts& facts, size_t i) {
  // Surnames that are the same for women and men.
  static const char* const kNames[] = {"Anna",  "Piotr",  "Maria", "Jan",    "Zofia",
                                       "Adam",  "Ewa",    "Marek", "Teresa", "Tomasz",
                                       "Agata", "Stefan", "Irena"};
  static const char* const kSurnames[] = {"Nowak",    "Wójcik",    "Mazur",   "Kaczmarek", "Zając",
                                          "Król",     "Wieczorek", "Wróbel",  "Stępień",   "Dudek",
                                          "Pietrzak", "Duda",      "Walczak", "Baran",     "Sikora",
                                          "Szewczyk", "Kołodziej"};
  static const char* const kStreets[] = {"ul. Długa",       "ul. Karmelicka", "os. Zgody",
                                         "ul. Kalwaryjska", "ul. Królewska",  "ul. Wielicka",
                                         "al. Pokoju"};
  return {ResidentId(i),
          Cat(kNames[i % std::size(kNames)], " ", kSurnames[i % std::size(kSurnames)]),
          Cat(kStreets[i % std::size(kStreets)], " ", i % 97 + 1, ", Kraków"),
          facts.districts[i % facts.districts.size()]};
}

absl::Status RunMake(const MakeFlags& flags) {
  URNA_RETURN_IF_ERROR(client::CheckRollLabel(flags.label));
  URNA_ASSIGN_OR_RETURN(const Facts facts, ReadFacts(flags.facts));
  if (flags.codes < 2 || flags.residents < flags.codes + 10) {
    return Bad("--codes is at least 2, --voters at least 10 more");
  }
  URNA_RETURN_IF_ERROR(base::MakeFolders(flags.out, 0700));
  const std::string header = FormatCsvRow({"id", "name", "address", "style"});
  std::string everybody = header, letters = header;
  std::string enrolments = FormatCsvRow({"enrolment", "style"});
  std::string devices = FormatCsvRow({"id", "style", "secret"});
  for (size_t i = 0; i < flags.residents; ++i) {
    const client::Resident r = Invent(facts, i);
    const std::string row = FormatCsvRow({r.id, r.name, r.address, r.style});
    everybody += row;
    if (i < flags.codes) {
      letters += row;
    } else if (i + 1 < flags.residents) {
      const crypto::CredentialKey key = crypto::CredentialKey::New();
      enrolments += FormatCsvRow({client::Enrolment::Make(key, flags.label).ToString(), r.style});
      devices += FormatCsvRow({r.id, r.style, base::Hex(key.k.Expose())});
    }
  }
  const std::vector<PlannedVote> plan = MakePlan(facts, flags.residents);
  std::string rows = FormatCsvRow({"id", "style", "by", "first", "answers"});
  for (const PlannedVote& vote : plan) {
    rows += FormatCsvRow({ResidentId(vote.resident), Invent(facts, vote.resident).style,
                          vote.by_urna ? "urna" : "residents",
                          vote.first.has_value() ? Words(facts, *vote.first) : std::string(),
                          Words(facts, vote.answers)});
  }
  const std::string folder = flags.out + "/";
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(folder + "residents.csv", everybody));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(folder + "letters.csv", letters));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(folder + "enrolments.csv", enrolments));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(folder + "devices.csv", devices, 0600));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(folder + "plan.csv", rows, 0600));
  return base::WriteFileAtomic(folder + "expected.json",
                               Expected(facts, plan, flags.residents).dump(2) + "\n");
}

// --- vote ----------------------------------------------------------------------------------------

struct VoteFlags {
  std::string facts, plan, devices, codes;
  Hash32 poll{};
  client::ServerOptions server;
  unsigned threads = 4;
};

/// One resident with their device.
struct Person {
  std::string id, style;
  std::optional<Answers> first;
  Answers answers;
  std::optional<crypto::SecretScalar> k;   ///< a key of their own device, or
  std::optional<crypto::SecretText> code;  ///< a letter
  std::optional<crypto::CredentialKey> key;
  std::optional<client::Wallet> wallet;
};

absl::StatusOr<std::vector<Person>> ReadPeople(const VoteFlags& flags, const Facts& facts) {
  URNA_ASSIGN_OR_RETURN(const std::string plan_text, base::ReadFile(flags.plan));
  URNA_ASSIGN_OR_RETURN(const std::string device_text, base::ReadFile(flags.devices));
  URNA_ASSIGN_OR_RETURN(const std::string code_text, base::ReadFile(flags.codes));
  URNA_ASSIGN_OR_RETURN(
      const std::vector<CsvRow> plan,
      client::ParseTable(flags.plan, plan_text, ',', {"id", "style", "by", "first", "answers"}));
  URNA_ASSIGN_OR_RETURN(const std::vector<CsvRow> devices,
                        client::ParseTable(flags.devices, device_text, ',', {"id", "secret"}));
  URNA_ASSIGN_OR_RETURN(const std::vector<CsvRow> codes,
                        client::ParseTable(flags.codes, code_text, ',', {"id", "code"}));
  std::map<std::string, std::string> secrets, letters;
  for (const CsvRow& row : devices) secrets[row[0].text] = row[1].text;
  for (const CsvRow& row : codes) letters[row[0].text] = row[1].text;

  std::vector<Person> people;
  for (const CsvRow& row : plan) {
    if (row[2].text != "residents") continue;
    Person person;
    person.id = row[0].text;
    person.style = row[1].text;
    if (!row[3].text.empty()) {
      URNA_ASSIGN_OR_RETURN(person.first, ParseWords(facts, row[3].text));
    }
    URNA_ASSIGN_OR_RETURN(person.answers, ParseWords(facts, row[4].text));
    if (const auto secret = secrets.find(person.id); secret != secrets.end()) {
      crypto::Secret<base::Bytes32> raw;
      if (!base::Unhex(secret->second, raw.Expose())) return Bad("devices: not a secret");
      URNA_ASSIGN_OR_RETURN(person.k, crypto::SecretScalar::Decode(base::View(raw.Expose())));
    } else if (const auto letter = letters.find(person.id); letter != letters.end()) {
      person.code = crypto::SecretText(std::move(letter->second));
    } else {
      return Bad(Cat("resident ", person.id, " has neither a device nor a letter"));
    }
    people.push_back(std::move(person));
  }
  return people;
}

/// Lets `work` run for each person on several threads, each with lines of its own, which `open`
/// opens, and shows how far it is. Stops at the first failure.
template <typename Open, typename Work>
absl::Status ForEach(const VoteFlags& flags, std::string_view what, std::vector<Person*> people,
                     const Open& open, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  std::atomic<size_t> next{0}, done{0};
  std::mutex mutex;
  absl::Status failure;
  const auto fail = [&](const absl::Status& status) {
    const std::lock_guard lock(mutex);
    if (failure.ok()) failure = status;
    next = people.size();
  };
  const auto run = [&] {
    auto lines = open();
    if (!lines.ok()) return fail(lines.status());
    for (size_t i = next++; i < people.size(); i = next++) {
      const absl::Status status = work(*people[i], *lines);
      if (!status.ok()) return fail(base::Annotate(status, Cat("resident ", people[i]->id)));
      ++done;
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < flags.threads; ++t) threads.emplace_back(run);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  while (terminal && done < people.size() && next < people.size()) {
    std::fprintf(stderr, "\r   %.*s: %zu of %zu", static_cast<int>(what.size()), what.data(),
                 done.load(), people.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  threads.clear();
  if (terminal) std::fputs("\r\033[K", stderr);
  URNA_RETURN_IF_ERROR(failure);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("   %.*s: %zu in %.1f s (%.0f a second)\n", static_cast<int>(what.size()),
              what.data(), people.size(), seconds, static_cast<double>(people.size()) / seconds);
  std::fflush(stdout);
  return absl::OkStatus();
}

client::Retry ShortRetry() {
  client::Retry retry;
  retry.attempts = 10;
  retry.pause = [](int attempt, const absl::Status&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50 << std::min(attempt, 6)));
  };
  return retry;
}

absl::StatusOr<client::Voter> VoterOf(const std::shared_ptr<const poll::PollContext>& context,
                                      Person& person) {
  // These devices keep their wallets in memory.
  return client::Voter::Create(
      context, &*person.wallet, [](const client::Wallet&) { return absl::OkStatus(); },
      ShortRetry());
}

absl::Status Cast(const std::shared_ptr<const poll::PollContext>& context, const Facts& facts,
                  Person& person, const Answers& answers, client::Connection& connection) {
  URNA_ASSIGN_OR_RETURN(client::Voter voter, VoterOf(context, person));
  std::vector<client::ContestVotes> votes;
  for (const uint32_t c : context->definition->styles[voter.style()].contests) {
    const poll::Contest& contest = context->definition->contests[c];
    const auto question = std::ranges::find(facts.questions, contest.id, &Question::id);
    if (question == facts.questions.end()) return Bad(Cat("no facts of \"", contest.id, "\""));
    const size_t answer = answers[static_cast<size_t>(question - facts.questions.begin())];
    URNA_ASSIGN_OR_RETURN(client::ContestVotes slots,
                          client::ParseAnswer(contest, question->answers[answer]));
    votes.push_back(std::move(slots));
  }
  URNA_RETURN_IF_ERROR(voter.Prepare(std::move(votes)).status());
  return voter.Cast(connection.casting(), connection.reading()).status();
}

absl::Status RunVote(const VoteFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const Facts facts, ReadFacts(flags.facts));
  URNA_ASSIGN_OR_RETURN(std::vector<Person> people, ReadPeople(flags, facts));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<client::Connection> connection,
                        client::Connection::Open(flags.server));
  URNA_ASSIGN_OR_RETURN(
      const std::unique_ptr<client::PollView> view,
      client::PollView::FetchUntilOpened(*client::OverGrpc(*connection, flags.poll), flags.poll));
  const std::shared_ptr<const poll::PollContext>& context = view->state().context();

  std::vector<Person*> all, again;
  for (Person& person : people) {
    all.push_back(&person);
    if (person.first.has_value()) again.push_back(&person);
  }
  // Tokens first and ballots later, in another order and over other connections.
  const auto to_issuers = [&] {
    return client::IssuerLines::Open(flags.server, *connection, *context->definition);
  };
  const auto to_ballot_box = [&] { return client::Connection::Open(flags.server); };
  URNA_RETURN_IF_ERROR(ForEach(
      flags, "tokens", all, to_issuers,
      [&](Person& person, const client::IssuerLines& lines) -> absl::Status {
        if (person.k.has_value()) {
          person.key = crypto::CredentialKey::FromSecret(person.k->Clone());
        } else {
          URNA_ASSIGN_OR_RETURN(const crypto::SecretText symbols,
                                crypto::ParseCode(person.code->Expose()));
          URNA_ASSIGN_OR_RETURN(person.key,
                                crypto::DeriveCredential(symbols, context->definition->roll_label));
        }
        person.wallet = client::Wallet::New(flags.poll, person.key->V, person.style,
                                            context->definition->issuers.size());
        URNA_ASSIGN_OR_RETURN(client::Voter voter, VoterOf(context, person));
        return voter.ObtainTokens(lines.stubs(), *person.key);
      }));
  Shuffler(2022).Shuffle(all);
  URNA_RETURN_IF_ERROR(
      ForEach(flags, "ballots", all, to_ballot_box, [&](Person& person, const auto& line) {
        return Cast(context, facts, person,
                    person.first.has_value() ? *person.first : person.answers, *line);
      }));
  return ForEach(flags, "ballots of those who vote again", again, to_ballot_box,
                 [&](Person& person, const auto& line) {
                   return Cast(context, facts, person, person.answers, *line);
                 });
}

int Main(int argc, char** argv) {
  CLI::App app("The residents of Urna's demonstration.", "urna-demo-residents");
  app.require_subcommand(1);
  std::function<absl::Status()> action;

  MakeFlags make_flags;
  CLI::App* make = app.add_subcommand(
      "make",
      "Invents residents and plans how they vote. Writes to --out: residents.csv (all), "
      "letters.csv\n"
      "(those who get codes), enrolments.csv and devices.csv (those with keys of their own; the "
      "last\n"
      "resident is left out), plan.csv (who votes how) and expected.json (the totals).");
  make->add_option("--facts", make_flags.facts, "JSON of the real referendum")->required();
  make->add_option("--voters", make_flags.residents, "How many residents")->capture_default_str();
  make->add_option("--codes", make_flags.codes, "How many of them get codes")
      ->capture_default_str();
  make->add_option("--label", make_flags.label, "The definition's roll_label")->required();
  make->add_option("--out", make_flags.out, "Folder")->required();
  make->callback([&] { action = [&] { return RunMake(make_flags); }; });

  VoteFlags vote_flags;
  std::string poll;
  CLI::App* vote = app.add_subcommand(
      "vote", "Lets the residents of a plan vote, all but those who use the program urna.");
  vote->add_option("--facts", vote_flags.facts, "As for make")->required();
  vote->add_option("--plan", vote_flags.plan, "plan.csv")->required();
  vote->add_option("--devices", vote_flags.devices, "devices.csv")->required();
  vote->add_option("--codes", vote_flags.codes, "codes.csv of `urna roll codes`")->required();
  vote->add_option("--poll", poll, "Poll id")->required();
  vote->add_option("--server", vote_flags.server.target, "HOST:PORT")->required();
  vote->add_option("--certificate", vote_flags.server.certificate, "PEM file");
  vote->add_option("--threads", vote_flags.threads, "How many vote at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  vote->callback([&] {
    action = [&]() -> absl::Status {
      URNA_ASSIGN_OR_RETURN(vote_flags.poll, client::ParsePollId(poll));
      return RunVote(vote_flags);
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  const std::string reject = base::RejectId(status);
  std::cerr << "urna-demo-residents: " << std::string(status.message())
            << (reject.empty() ? "" : Cat(" (", reject, ")")) << "\n";
  return 1;
}

}  // namespace
}  // namespace urna::demo

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::demo::Main(argc, argv);
}
