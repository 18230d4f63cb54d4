#include "client/letters.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "client/poll_view.h"
#include "client/roll.h"
#include "crypto/hash.h"

namespace urna::client {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using crypto::Hash32;
using crypto::SecretText;

constexpr std::string_view kFormat = "# urna-letters/1 ";
constexpr std::string_view kSealedEnding = ".sealed";

absl::Status Refused(std::string_view why) {
  return base::Failure(absl::StatusCode::kFailedPrecondition, why);
}

/// "batch-0001.pdf"
std::string BatchName(size_t index) {
  std::string number = std::to_string(index + 1);
  if (number.size() < 4) number.insert(0, 4 - number.size(), '0');
  return Cat("batch-", number, ".pdf");
}

/// Takes "<prefix>NUMBER" off `text`.
bool TakeNumber(std::string_view& text, std::string_view prefix, uint64_t* number) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const bool right = base::ParseU64(text.substr(0, digits), number);
  text.remove_prefix(digits);
  return right;
}

/// A resident to be written to; `number` is the place in the office's list.
struct Addressee {
  size_t number;
  const CodeLine* line;
};

absl::StatusOr<std::vector<Addressee>> Addressees(const std::string& path,
                                                  const std::vector<CodeLine>& lines,
                                                  const std::vector<std::string>& only) {
  // A resident whose code was replaced keeps their place in the list.
  absl::flat_hash_map<std::string_view, size_t> places;
  std::vector<Addressee> people;
  for (const CodeLine& line : lines) {
    const auto [place, fresh] = places.emplace(line.resident.id, people.size());
    if (fresh) people.push_back({people.size() + 1, nullptr});
    if (line.voided.empty()) people[place->second].line = &line;
  }
  std::set<size_t> wanted;
  for (const std::string& id : only) {
    const auto place = places.find(id);
    if (place == places.end()) {
      return base::Failure(absl::StatusCode::kNotFound,
                           Cat(path, ": nobody has the id \"", id, "\""));
    }
    if (people[place->second].line == nullptr) {
      return base::Failure(absl::StatusCode::kNotFound,
                           Cat(path, ": the code of \"", id, "\" is void and has no successor"));
    }
    wanted.insert(place->second);
  }
  std::vector<Addressee> chosen;
  for (size_t i = 0; i < people.size(); ++i) {
    if (people[i].line != nullptr && (only.empty() || wanted.contains(i))) {
      chosen.push_back(people[i]);
    }
  }
  if (chosen.empty()) return Refused(Cat(path, ": there is nobody to write to"));
  return chosen;
}

Hash32 SetOf(const LettersOptions& options, const std::vector<Addressee>& people) {
  crypto::Sha256 hash;
  const auto add = [&](std::string_view text) { hash.Update(crypto::Frame(text)); };
  add(options.design.Describe());
  add(crypto::U64(options.batch));
  add(options.seal_to.has_value() ? options.seal_to->ToString() : "");
  for (const Addressee& person : people) {
    add(crypto::U64(person.number));
    add(person.line->resident.name);
    add(person.line->resident.address);
    add(person.line->resident.style);
    add(person.line->code.Expose());
  }
  return hash.Finish();
}

absl::Status CheckStyles(const LettersOptions& options, const std::vector<Addressee>& people) {
  if (options.design.styles.empty()) return absl::OkStatus();
  for (const Addressee& person : people) {
    if (!options.design.styles.contains(person.line->resident.style)) {
      return base::Failure(
          absl::StatusCode::kInvalidArgument,
          Cat(options.office, "/codes.csv: \"", person.line->resident.id, "\" has the style \"",
              person.line->resident.style, "\", which the poll does not have"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLabel(const LettersOptions& options) {
  const std::string path = options.office + "/roll.csv";
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  URNA_ASSIGN_OR_RETURN(const std::string label, RollFile::ParseLabel(path, text));
  if (options.design.label.empty() || options.design.label == label) return absl::OkStatus();
  return base::Failure(
      absl::StatusCode::kInvalidArgument,
      Cat(path, ": line 1: the codes were made for the label \"", label, "\", the poll's is \"",
          options.design.label, "\": they would not be good for it"));
}

/// What of this set is in the folder already. Removes what a killed run left half-written.
absl::StatusOr<LettersManifest> Resume(const std::string& out, LettersManifest fresh) {
  const std::string path = Cat(out, "/", kManifestName);
  auto text = base::ReadFile(path);
  if (!text.ok() && text.status().code() != absl::StatusCode::kNotFound) return text.status();
  std::vector<fs::path> torn;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(out, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("batch-")) continue;
    if (name.find(".tmp.") != std::string::npos) {
      torn.push_back(entry.path());
    } else if (!text.ok()) {
      return Refused(
          Cat(out, ": holds ", name, " but no ", kManifestName, "; give an empty folder as --out"));
    }
  }
  if (text.ok()) {
    URNA_ASSIGN_OR_RETURN(LettersManifest before, LettersManifest::Parse(path, *text));
    if (before.set != fresh.set || before.batches != fresh.batches) {
      return Refused(Cat(out,
                         ": holds letters made from other codes or with other options; give "
                         "another folder as --out"));
    }
    fresh.files = std::move(before.files);
  }
  for (const fs::path& file : torn) fs::remove(file, error);
  for (auto file = fresh.files.begin(); file != fresh.files.end();) {
    const std::string batch = Cat(out, "/", file->first);
    const auto content = base::ReadFile(batch);
    if (content.status().code() == absl::StatusCode::kNotFound) {
      file = fresh.files.erase(file);
      continue;
    }
    URNA_RETURN_IF_ERROR(content.status());
    if (crypto::HashSha256(*content) != file->second.sha256) {
      return Refused(
          Cat(batch, ": was changed since it was made; remove it to have it made again"));
    }
    ++file;
  }
  return fresh;
}

}  // namespace

std::string LettersManifest::Format() const {
  std::string text =
      Cat(kFormat, base::Hex(set), "\n# letters: ", letters, ", batches: ", batches, "\n");
  for (const auto& [name, batch] : files) {
    text += Cat("# ", name, ": letters ", batch.first, "-", batch.last, "\n",
                base::Hex(batch.sha256), "  ", name, "\n");
  }
  return text;
}

absl::StatusOr<LettersManifest> LettersManifest::Parse(std::string_view file,
                                                       std::string_view text) {
  LettersManifest manifest;
  std::vector<std::string_view> lines = base::Split(text, '\n');
  const auto error = [&](size_t line) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat(file, ": line ", line + 1, ": is not as urna writes it"));
  };
  if (lines.back().empty()) lines.pop_back();
  if (lines.empty() || !lines[0].starts_with(kFormat) ||
      !base::Unhex(lines[0].substr(kFormat.size()), manifest.set)) {
    return error(0);
  }
  if (lines.size() < 2) return error(1);
  std::string_view counts = lines[1];
  if (!TakeNumber(counts, "# letters: ", &manifest.letters) ||
      !TakeNumber(counts, ", batches: ", &manifest.batches) || !counts.empty()) {
    return error(1);
  }
  for (size_t i = 2; i < lines.size(); i += 2) {
    const size_t colon = lines[i].find(": ");
    if (!lines[i].starts_with("# ") || colon == std::string_view::npos) return error(i);
    const std::string name(lines[i].substr(2, colon - 2));
    std::string_view range = lines[i].substr(colon);
    Batch batch;
    if (!IsPlainFileName(name) || !TakeNumber(range, ": letters ", &batch.first) ||
        !TakeNumber(range, "-", &batch.last) || !range.empty()) {
      return error(i);
    }
    if (i + 1 == lines.size() || lines[i + 1].size() < 64 ||
        !base::Unhex(lines[i + 1].substr(0, 64), batch.sha256) ||
        lines[i + 1].substr(64) != Cat("  ", name) || !manifest.files.emplace(name, batch).second) {
      return error(i + 1);
    }
  }
  return manifest;
}

absl::StatusOr<LettersResult> MakeLetters(const LettersOptions& options) {
  if (options.batch < 1 || options.batch > kMostLettersInABatch) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("a batch has 1 to ", kMostLettersInABatch, " letters"));
  }
  const std::string codes_path = options.office + "/codes.csv";
  URNA_RETURN_IF_ERROR(CheckLabel(options));
  URNA_ASSIGN_OR_RETURN(const std::vector<CodeLine> lines, ReadCodes(codes_path));
  URNA_ASSIGN_OR_RETURN(const std::vector<Addressee> people,
                        Addressees(codes_path, lines, options.only));
  URNA_RETURN_IF_ERROR(CheckStyles(options, people));
  URNA_RETURN_IF_ERROR(base::MakeFolders(options.out, 0700));

  LettersResult result;
  result.manifest.set = SetOf(options, people);
  result.manifest.letters = people.size();
  result.manifest.batches = (people.size() + options.batch - 1) / options.batch;
  URNA_ASSIGN_OR_RETURN(result.manifest, Resume(options.out, std::move(result.manifest)));
  LettersManifest& manifest = result.manifest;
  result.resumed = manifest.files.size();
  const std::string manifest_path = Cat(options.out, "/", kManifestName);
  // Before the first batch, so that a batch never lies there without its set.
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(manifest_path, manifest.Format()));

  const std::string ending(options.seal_to.has_value() ? kSealedEnding : "");
  std::vector<size_t> todo;
  for (size_t b = 0; b < manifest.batches; ++b) {
    if (!manifest.files.contains(BatchName(b) + ending)) todo.push_back(b);
  }
  size_t done = 0;
  for (const auto& [name, batch] : manifest.files) done += batch.last - batch.first + 1;

  std::mutex mutex;
  absl::Status failure;
  std::atomic<bool> stopped = false;
  // An interrupt waits for a file that is being written, and no other is begun.
  const OnInterrupt finish([&mutex] { mutex.lock(); });
  OnThreads(options.threads)(todo.size(), [&](size_t t) {
    if (stopped) return;
    const size_t first = todo[t] * options.batch;
    const size_t last = std::min(first + options.batch, people.size());
    std::vector<Letter> letters;
    for (size_t i = first; i < last; ++i) {
      const Resident& resident = people[i].line->resident;
      letters.push_back({people[i].number, resident.name, resident.address, resident.style,
                         people[i].line->code.Expose()});
    }
    const std::string name = BatchName(todo[t]);
    auto pdf = PrintLetters(options.design, letters);
    if (pdf.ok() && options.seal_to.has_value()) {
      pdf = SecretText(SealFile({name, manifest.set, *options.seal_to}, pdf->Expose()));
    }
    const std::lock_guard lock(mutex);
    if (stopped) return;
    const auto store = [&]() -> absl::Status {
      URNA_RETURN_IF_ERROR(pdf.status());
      URNA_RETURN_IF_ERROR(
          base::WriteFileAtomic(Cat(options.out, "/", name, ending), pdf->Expose(), 0600));
      manifest.files[name + ending] = {first + 1, last, crypto::HashSha256(pdf->Expose())};
      return base::WriteFileAtomic(manifest_path, manifest.Format());
    };
    failure = store();
    done += last - first;
    if (failure.ok() && options.progress && !options.progress(done, people.size())) {
      failure = absl::CancelledError("interrupted; the same command goes on where it stopped");
    }
    stopped = !failure.ok();
  });
  URNA_RETURN_IF_ERROR(failure);
  return result;
}

absl::StatusOr<UnsealResult> UnsealLetters(const std::vector<std::string>& files,
                                           const PrintKey& key, const std::string& out,
                                           const std::function<bool(size_t, size_t)>& progress) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(out, 0700));
  std::mutex mutex;
  const OnInterrupt finish([&mutex] { mutex.lock(); });
  UnsealResult result;
  std::optional<Hash32> set;
  std::map<std::string, LettersManifest> manifests;  // by folder
  std::set<std::string> given;
  for (const std::string& path : files) {
    const fs::path folder = fs::path(path).parent_path();
    const std::string sealed_name = fs::path(path).filename().string();
    if (!sealed_name.ends_with(kSealedEnding)) {
      return base::Failure(absl::StatusCode::kInvalidArgument,
                           Cat(path, ": its name does not end in ", kSealedEnding));
    }
    if (!manifests.contains(folder.string())) {
      const std::string manifest_path = (folder / kManifestName).string();
      const auto text = base::ReadFile(manifest_path);
      if (text.ok()) {
        URNA_ASSIGN_OR_RETURN(manifests[folder.string()],
                              LettersManifest::Parse(manifest_path, *text));
      } else if (text.status().code() != absl::StatusCode::kNotFound) {
        return text.status();
      }
    }
    URNA_ASSIGN_OR_RETURN(const std::string sealed, base::ReadFile(path));
    const std::string name = sealed_name.substr(0, sealed_name.size() - kSealedEnding.size());
    const auto opened = UnsealFile(sealed, name, key);
    if (!opened.ok()) return base::Annotate(opened.status(), path);
    if (set.has_value() && *set != opened->header.set) {
      return Refused(Cat(path, ": is of another set of letters than ", files.front()));
    }
    set = opened->header.set;
    if (const auto manifest = manifests.find(folder.string()); manifest != manifests.end()) {
      const auto listed = manifest->second.files.find(sealed_name);
      if (manifest->second.set != *set || listed == manifest->second.files.end() ||
          listed->second.sha256 != crypto::HashSha256(sealed)) {
        return Refused(Cat(path, ": is not the file that ", kManifestName, " beside it lists"));
      }
    }
    const std::string target = Cat(out, "/", name);
    const std::lock_guard lock(mutex);
    absl::Status written = base::CreateFileAtomic(target, opened->content.Expose(), 0600);
    if (written.code() == absl::StatusCode::kAlreadyExists) {
      URNA_ASSIGN_OR_RETURN(std::string there, base::ReadFile(target));
      const SecretText before(std::move(there));
      if (before.Expose() == opened->content.Expose()) written = absl::OkStatus();
    }
    URNA_RETURN_IF_ERROR(written);
    given.insert(sealed_name);
    result.written.push_back(target);
    if (progress && !progress(result.written.size(), files.size())) {
      return absl::CancelledError("interrupted; the same command goes on where it stopped");
    }
  }
  for (const auto& [folder, manifest] : manifests) {
    for (size_t b = 0; b < manifest.batches; ++b) {
      const std::string name = Cat(BatchName(b), kSealedEnding);
      if (!given.contains(name)) result.missing.push_back(name);
    }
  }
  return result;
}

}  // namespace urna::client
