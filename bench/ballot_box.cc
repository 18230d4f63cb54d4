#include "bench/ballot_box.h"

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "crypto/vartime/element.h"
#include "ledger/record.h"
#include "server/keys.h"
#include "server/setup.h"

namespace urna::bench {
namespace {

using base::Cat;
using poll::RecordKind;
using Steady = std::chrono::steady_clock;

constexpr size_t kBallotKeyAt = 2 + 2;  // u16le style | u16le revision | ballot key ..

std::string Question(std::string_view id) {
  return Cat(R"({"id":")", id, R"(","title":{"en":"T","pl":"T"},)",
             R"("question":{"en":"Q?","pl":"P?"},)",
             R"("options":[{"id":"tak","text":{"en":"YES","pl":"TAK"}},)",
             R"({"id":"nie","text":{"en":"NO","pl":"NIE"}}],)",
             R"("ballot":{"rule":"choose","min":0,"max":1},"tally":"homomorphic",)",
             R"("decision":{"rule":"majority","yes":"tak","no":"nie"}})");
}

}  // namespace

void Die(std::string_view what) {
  std::cerr << what << std::endl;
  std::exit(1);
}

void Must(const absl::Status& status) {
  if (!status.ok()) Die(status.ToString());
}

double Quantile(std::vector<double>& values, double share) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "urna-bench-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    Die(Cat(pattern, ": cannot be made"));
  }
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

testing::ElectionOptions Referendum(uint32_t voters, uint32_t styles,
                                    const std::vector<std::string>& questions) {
  testing::ElectionOptions options;
  options.voters = voters;
  options.styles = styles;
  for (const std::string& id : questions) {
    options.contests_json += Cat(options.contests_json.empty() ? "[" : ",", Question(id));
  }
  options.contests_json += "]";
  options.style_contests.assign(styles, questions);
  return options;
}

std::vector<std::string> UnprovenBallots(const std::string& sample, size_t count) {
  using crypto::vartime::Element;
  std::vector<Element> keys(count);
  Element next = crypto::ToElement(crypto::MulBase(crypto::Scalar::Random()));
  for (Element& key : keys) key = next += Element::Base();
  const std::vector<base::Bytes32> encoded = Element::EncodeMany(keys);
  std::vector<std::string> ballots(count, sample);
  for (size_t i = 0; i < count; ++i) {
    std::ranges::copy(encoded[i], ballots[i].begin() + kBallotKeyAt);
  }
  return ballots;
}

testing::ElectionOptions FourQuestions(uint32_t voters) {
  return Referendum(voters, 1, {"q1", "q2", "q3", "q4"});
}

server::Settings SettingsFor(const std::string& folder) {
  server::Settings settings;
  settings.data = folder;
  settings.listen = "127.0.0.1:0";
  settings.plaintext = true;
  settings.issuers = 0;
  settings.issuer_addresses.push_back({crypto::Ed25519Key::New().public_key(), "localhost:1"});
  settings.officials = {crypto::Ed25519Key::New().public_key()};
  settings.cast_rate = 0;
  settings.disk_floor = 0;
  settings.ballast = 0;
  return settings;
}

BallotBox::BallotBox(const std::string& folder, const testing::ElectionOptions& options)
    : election_(options),
      clock_(election_.now),
      log_(clock_, [](std::string_view) {}),
      disk_({.data = folder, .anchor = folder, .rocksdb_log = folder}, log_, [] {}),
      store_(Must(ledger::Store::Open({.folder = folder + "/ledger", .log_folder = ""}))) {
  Must(server::CreateSecretFile(server::CheckpointKeyPath(folder),
                                base::View(election_.ballot_box().seed().Expose())));
  server::Sequencer::Options sequencer;
  sequencer.anchor_folder = folder + "/anchor";
  sequencer.published_folder = folder + "/published";
  Must(base::MakeFolders(sequencer.anchor_folder, 0700));
  Must(base::MakeFolders(sequencer.published_folder, 0700));
  sequencer_ =
      std::make_unique<server::Sequencer>(std::move(sequencer), *store_, book_,
                                          election_.ballot_box(), clock_, disk_, log_, Die, [] {});

  election_.RunUntilOpen();
  std::vector<server::Checked> group;
  const poll::PollContext* const none = nullptr;
  for (const std::string& bytes : election_.records()) {
    const ledger::Record record = Must(ledger::DecodeRecord(bytes));
    const auto kind = static_cast<RecordKind>(record.kind);
    const poll::Definition* const definition =
        poll_ == nullptr ? nullptr : poll_->state.definition().get();
    group.push_back(Must(server::Check(definition, none, kind, record.payload)));
    if (kind == RecordKind::kDefined) continue;
    const auto appended = Must(sequencer_->SubmitAndWait(poll_, std::move(group)));
    group.clear();
    if (poll_ == nullptr) poll_ = book_.Find(appended.poll);
  }
  election_.Issue(0);
  const auto& style = election_.context().styles[0];
  sample_ = poll::EncodePayload(
      poll::BallotCast{0, crypto::EncodeBallot(election_.MakeBallot(
                              0, testing::TestElection::VotesFor(style.shape, 0), 1))});
}

std::vector<server::Checked> BallotBox::Ballots(size_t count) {
  std::vector<server::Checked> ballots;
  ballots.reserve(count);
  for (std::string& bytes : UnprovenBallots(sample_, count)) {
    const poll::RawPayload raw{static_cast<uint8_t>(RecordKind::kBallotCast), bytes};
    auto payload = Must(poll::DecodeStored(election_.state().definition().get(),
                                           election_.state().context().get(), raw));
    ballots.push_back({std::move(payload), std::move(bytes)});
  }
  return ballots;
}

std::vector<double> BallotBox::Append(std::vector<server::Checked> ballots, size_t writers) {
  std::vector<double> seconds(ballots.size());
  std::atomic<size_t> next{0};
  std::atomic<size_t> left{ballots.size()};
  std::promise<void> finished;
  std::function<void()> send = [&] {
    const size_t i = next++;
    if (i >= ballots.size()) return;
    server::Sequencer::Item item;
    item.poll = poll_;
    item.arrived = clock_.Now();
    item.payloads.push_back(std::move(ballots[i]));
    item.done = [&, i, sent = Steady::now()](const absl::StatusOr<server::Appended>& appended) {
      Must(appended.status());
      if (appended->receipt.receipt.ToString().empty()) std::abort();
      seconds[i] = std::chrono::duration<double>(Steady::now() - sent).count();
      send();
      if (--left == 0) finished.set_value();
    };
    if (!sequencer_->TrySubmit(std::move(item))) Die("the queue is full");
  };
  for (size_t w = 0; w < writers; ++w) send();
  finished.get_future().wait();
  return seconds;
}

}  // namespace urna::bench
