// A referendum of a whole city: made, kept in a store, exported, and verified by urna-verify. What
// each phase takes, in time and memory.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "bench/ballot_box.h"
#include "bench/phases.h"
#include "ledger/checkpoint.h"
#include "ledger/export.h"
#include "ledger/store/store.h"
#include "server/parallel.h"
#include "tests/support/election.h"

namespace urna::bench {
namespace {

using base::Cat;
using poll::RecordKind;

/// Kraków, 25 May 2014; where the figures are from is said in demo/krakow-2014.json. How many voted
/// a second time is invented: with them the ballots are 212,000.
struct Question {
  const char* id;
  uint64_t yes, no;
};
constexpr std::array<Question, 4> kQuestions = {{{"igrzyska", 62453, 143796},
                                                 {"metro", 112856, 91939},
                                                 {"monitoring", 142772, 61969},
                                                 {"rowery", 175033, 30398}}};
constexpr uint64_t kRoll = 590'000;
constexpr uint64_t kVoters = 210'441;
constexpr uint64_t kVotedAgain = 1'559;
constexpr uint32_t kDistricts = 18;

constexpr uint64_t kHour = 3600;
constexpr uint64_t kHoursOfVoting = 12;
constexpr size_t kChunk = 4096;   // ballots made at once
constexpr size_t kTogether = 64;  // ballots checked as one equation
constexpr size_t kBatch = 1024;   // records in one write, as the sequencer's largest

struct Scaled {
  uint64_t multiply = 1, divide = 1;
  uint64_t operator()(uint64_t value) const { return value * multiply / divide; }
};

/// Answers by voter and question: 0 yes, 1 no, 2 blank; so that the totals are the real ones,
/// scaled. The same at every run.
std::vector<std::array<uint8_t, 4>> PlanVotes(const Scaled& scaled) {
  std::vector<std::array<uint8_t, 4>> plan(scaled(kVoters));
  std::mt19937_64 random(20140525);
  std::vector<uint8_t> answers(plan.size());
  for (size_t q = 0; q < kQuestions.size(); ++q) {
    const auto yes = answers.begin() + static_cast<ptrdiff_t>(scaled(kQuestions[q].yes));
    const auto no = yes + static_cast<ptrdiff_t>(scaled(kQuestions[q].no));
    std::fill(answers.begin(), yes, 0);
    std::fill(yes, no, 1);
    std::fill(no, answers.end(), 2);
    std::ranges::shuffle(answers, random);
    for (size_t v = 0; v < plan.size(); ++v) plan[v][q] = answers[v];
  }
  return plan;
}

std::vector<std::vector<uint32_t>> Slots(const std::array<uint8_t, 4>& answers) {
  std::vector<std::vector<uint32_t>> votes;
  for (const uint8_t answer : answers) {
    votes.push_back({answer == 0 ? 1U : 0U, answer == 1 ? 1U : 0U});
  }
  return votes;
}

/// Makes the poll and keeps its ledger in `store`.
class City {
 public:
  City(Phases& phases, const Scaled& scaled, ledger::Store& store)
      : phases_(phases), scaled_(scaled), store_(store) {
    testing::ElectionOptions options =
        Referendum(static_cast<uint32_t>(scaled(kRoll)), kDistricts,
                   {kQuestions[0].id, kQuestions[1].id, kQuestions[2].id, kQuestions[3].id});
    options.trustees = 5;
    options.trustees_needed = 3;
    phases_.Run("residents' keys",
                [&] { election_ = std::make_unique<testing::TestElection>(options); });
  }

  void Run() {
    phases_.Run("roll, key ceremony, opening", [&] { election_->RunUntilOpen(); });
    Keep();
    Vote();
    phases_.Run("end, closing", [&] {
      election_->End();
      election_->CountIssuance();
      election_->Close();
    });
    phases_.Run("issuer's register", [&] { election_->PublishRegisters(); });
    phases_.Run("decryption, certificate", [&] {
      election_->DecryptAll();
      election_->Certify();
    });
    Keep();
    if (!election_->faults().empty()) Must(election_->faults()[0].second);
    CheckTotals();
  }

  /// Writes the ledger as the store holds it to a folder.
  void Export(const std::string& folder) {
    phases_.Run("export", [&] {
      const crypto::Hash32 poll = election_->state().poll();
      const auto writer = Must(ledger::ExportWriter::Create(folder));
      const ledger::Store::Head head = Must(store_.GetHead(poll));
      Must(store_.Scan(poll, 0, head.size,
                       [&](uint64_t, std::string_view record) { return writer->Append(record); }));
      Must(writer->Finish(ledger::SignCheckpoint(
          {election_->checkpoint_key().name, head.size, head.root}, election_->ballot_box())));
    });
  }

  testing::TestElection& election() { return *election_; }

 private:
  struct Made {
    size_t voter;
    uint16_t revision;
    std::array<uint8_t, 4> answers;
    std::vector<poll::RegisterEntry> entries = {};
    std::string payload = {};
  };

  void Vote() {
    const std::vector<std::array<uint8_t, 4>> plan = PlanVotes(scaled_);
    const uint64_t again = scaled_(kVotedAgain);
    const uint64_t start = election_->now;
    std::vector<Made> chunk;
    const auto cast = [&](size_t voter, uint16_t revision, std::array<uint8_t, 4> answers) {
      chunk.push_back({voter, revision, answers});
      if (chunk.size() == kChunk) Cast(chunk);
    };
    for (size_t v = 0; v < plan.size(); ++v) {
      election_->now = start + kHour * (kHoursOfVoting * v / plan.size());
      phases_.Progress(v, plan.size());
      std::array<uint8_t, 4> answers = plan[v];
      if (v < again) {
        for (uint8_t& answer : answers) answer = static_cast<uint8_t>((answer + 1) % 3);
      }
      cast(v, 1, answers);
    }
    for (size_t v = 0; v < again; ++v) cast(v, 2, plan[v]);
    Cast(chunk);
  }

  void Cast(std::vector<Made>& chunk) {
    phases_.Run("tokens and ballots", [&] {
      server::OnAllCores(chunk.size(), [&](size_t i) {
        Made& made = chunk[i];
        if (made.revision == 1) made.entries = election_->ObtainTokens(made.voter);
        const auto ballot = election_->MakeBallot(made.voter, Slots(made.answers), made.revision);
        made.payload = poll::EncodePayload(
            poll::BallotCast{election_->voter(made.voter).style, crypto::EncodeBallot(ballot)});
      });
      for (const Made& made : chunk) {
        for (const poll::RegisterEntry& entry : made.entries) election_->AddAnswer(0, entry);
      }
    });
    std::vector<std::vector<absl::StatusOr<poll::CheckedPayload>>> verdicts(
        (chunk.size() + kTogether - 1) / kTogether);
    phases_.Run("checks of ballots", [&] {
      server::OnAllCores(verdicts.size(), [&](size_t group) {
        std::vector<poll::RawPayload> raw;
        for (size_t i = group * kTogether; i < std::min(chunk.size(), (group + 1) * kTogether);
             ++i) {
          raw.push_back({static_cast<uint8_t>(RecordKind::kBallotCast), chunk[i].payload});
        }
        verdicts[group] =
            poll::CheckPayloads(election_->context().definition.get(), &election_->context(), raw);
      });
    });
    phases_.Run("state", [&] {
      const uint64_t hour = election_->now - election_->now % kHour;
      for (size_t i = 0; i < chunk.size(); ++i) {
        election_->AppendJudged(RecordKind::kBallotCast, std::move(chunk[i].payload), hour,
                                verdicts[i / kTogether][i % kTogether]);
      }
    });
    chunk.clear();
    Keep();
  }

  /// Writes what is new.
  void Keep() {
    phases_.Run("store, synced", [&] {
      const std::vector<std::string>& records = election_->records();
      while (kept_ < records.size()) {
        const size_t last = std::min(records.size(), kept_ + kBatch);
        const ledger::Store::Batch batch{election_->state().poll(),
                                         {records.begin() + static_cast<ptrdiff_t>(kept_),
                                          records.begin() + static_cast<ptrdiff_t>(last)}};
        Must(store_.Append({&batch, 1}).status());
        kept_ = last;
      }
    });
  }

  void CheckTotals() const {
    const poll::Result result = Must(election_->state().ComputeResult());
    for (size_t q = 0; q < kQuestions.size(); ++q) {
      const std::vector<uint64_t> planned = {scaled_(kQuestions[q].yes), scaled_(kQuestions[q].no)};
      if (result.contests[q].online == planned) continue;
      Die(Cat(kQuestions[q].id, ": the count is not what was voted"));
    }
  }

  Phases& phases_;
  const Scaled scaled_;
  ledger::Store& store_;
  std::unique_ptr<testing::TestElection> election_;
  size_t kept_ = 0;
};

int Main(int argc, char** argv) {
  CLI::App app("Makes the referendum of Kraków of 2014 at full size, and verifies it.",
               "urna_city");
  std::string folder;
  std::string verifier = (std::filesystem::path(argv[0]).parent_path() / "urna-verify").string();
  Scaled scaled;
  unsigned threads = 0;
  bool make_only = false;
  app.add_option("FOLDER", folder,
                 "Where store and export are kept. If it has an export, that is verified again")
      ->required();
  CLI::Option* const divide =
      app.add_option("--divide", scaled.divide, "Make a city that is so many times smaller")
          ->check(CLI::Range(1, 2000));
  app.add_option("--multiply", scaled.multiply,
                 "Make one that is so many times larger; 2.5 GB of memory for each")
      ->check(CLI::Range(1, 8))
      ->excludes(divide);
  app.add_option("--verifier", verifier, "The program urna-verify");
  app.add_option("--threads", threads, "Of urna-verify (default: all cores)");
  app.add_flag("--make-only", make_only, "Do not verify");
  CLI11_PARSE(app, argc, argv);

  Phases phases;
  const std::string exported = folder + "/export";
  if (std::filesystem::exists(exported + "/checkpoint")) {
    std::printf("%s holds a whole export; it is verified again\n", folder.c_str());
  } else {
    Must(base::MakeFolders(folder));
    if (std::filesystem::exists(folder + "/store")) {
      Die(Cat(folder, ": an interrupted run left a store here; remove it"));
    }
    const auto store = Must(ledger::Store::Open({.folder = folder + "/store", .log_folder = ""}));
    City city(phases, scaled, *store);
    city.Run();
    city.Export(exported);
    std::printf("%zu on the roll, %llu ballots, %zu records\n", city.election().voter_count(),
                static_cast<unsigned long long>(city.election().state().ballot_records()),
                city.election().records().size());
  }
  std::fflush(stdout);
  if (!make_only) Verify(phases, verifier, exported, threads);
  phases.Print();
  return 0;
}

}  // namespace
}  // namespace urna::bench

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::bench::Main(argc, argv);
}
