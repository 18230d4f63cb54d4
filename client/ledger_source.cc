#include "client/ledger_source.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "http/client.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "ledger/tiles.h"

namespace urna::client {
namespace {

using base::Cat;
using base::Reject;
using ledger::TileId;

// Records asked for in one call: a slow line gets its deadline anew for each.
constexpr uint64_t kRecordsPerCall = 1024;

class GrpcSource : public LedgerSource {
 public:
  GrpcSource(Connection& connection, const Hash32& poll)
      : connection_(connection), poll_(base::View(poll)) {}

  absl::StatusOr<std::string> Checkpoint() override {
    v1::CheckpointRequest request;
    request.set_poll(poll_);
    URNA_ASSIGN_OR_RETURN(const v1::CheckpointResponse response,
                          Call(connection_.reading(), &v1::Reading::Stub::Checkpoint, request));
    return response.note();
  }

  absl::Status Records(
      uint64_t first, uint64_t last,
      const std::function<absl::StatusOr<bool>(const std::string&)>& take) override {
    while (first < last) {
      v1::EntriesRequest request;
      request.set_poll(poll_);
      request.set_first(first);
      const uint64_t until = first + std::min(kRecordsPerCall, last - first);
      request.set_last(until);
      grpc::ClientContext context;
      SetDeadline(context);
      const auto stream = connection_.reading().Entries(&context, request);
      // What was received is judged; how a stream ends that nobody wants any more is not.
      const auto stop = [&](const absl::Status& verdict) {
        context.TryCancel();
        stream->Finish();
        return verdict;
      };
      v1::EntriesResponse response;
      while (stream->Read(&response)) {
        for (const std::string& record : response.records()) {
          if (first == until) {
            return stop(Reject("ledger.incomplete",
                               Cat("the server sent more than the records up to ", until - 1)));
          }
          const absl::StatusOr<bool> more = take(record);
          if (!more.ok() || !*more) return stop(more.status());
          ++first;
        }
      }
      URNA_RETURN_IF_ERROR(FromGrpc(stream->Finish(), context));
      if (first != until) {
        return Reject("ledger.incomplete", Cat("the server did not send record ", first,
                                               ", which its checkpoint covers"));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> Tile(const TileId&) override { return std::nullopt; }

  std::string name() const override { return connection_.target(); }

 private:
  Connection& connection_;
  const std::string poll_;
};

class HttpSource : public LedgerSource {
 public:
  HttpSource(std::string url, std::unique_ptr<http::Client> client)
      : url_(std::move(url)), client_(std::move(client)) {}

  absl::StatusOr<std::string> Checkpoint() override {
    const std::string at = Cat(url_, "/checkpoint");
    URNA_ASSIGN_OR_RETURN(http::Response answer, client_->Get(at));
    if (answer.status != 200) return Unexpected(at, answer.status);
    size_ = SizeIn(answer.body);
    return std::move(answer.body);
  }

  absl::Status Records(
      uint64_t first, uint64_t last,
      const std::function<absl::StatusOr<bool>(const std::string&)>& take) override {
    while (first < last) {
      const uint64_t index = first / ledger::kTileWidth;
      const uint64_t start = index * ledger::kTileWidth;
      // A log that is a folder of files has its last bundle in the width of its checkpoint only.
      const TileId id = ledger::TileAt(std::max(size_, last), TileId::kEntries, index);
      URNA_ASSIGN_OR_RETURN(const std::vector<std::string> entries, Bundle(id));
      const uint64_t until = std::min(last, start + id.width);
      for (; first < until; ++first) {
        URNA_ASSIGN_OR_RETURN(const bool more, take(entries[first - start]));
        if (!more) return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> Tile(const TileId& id) override {
    TileId there = id;
    URNA_ASSIGN_OR_RETURN(std::string bytes, Part(there));
    const size_t wanted = id.width * sizeof(Hash32);
    if (bytes.size() < wanted) {
      return Reject("tile.malformed", Cat(UrlOf(there), ": has ", bytes.size(), " bytes"));
    }
    bytes.resize(wanted);
    return bytes;
  }

  std::string name() const override { return url_; }

 private:
  /// At least `id.width` entries.
  absl::StatusOr<std::vector<std::string>> Bundle(TileId id) {
    URNA_ASSIGN_OR_RETURN(const std::string bytes, Part(id));
    auto entries = ledger::DecodeBundle(bytes, id.width);
    if (!entries.ok()) return base::Annotate(entries.status(), UrlOf(id));
    return entries;
  }

  /// A tile or bundle; `id` becomes the one that is there.
  absl::StatusOr<std::string> Part(TileId& id) {
    URNA_ASSIGN_OR_RETURN(http::Response answer, Get(id));
    if (answer.status == 404 && id.width < ledger::kTileWidth) {
      // The log has grown meanwhile, and may have dropped what the full one holds too.
      id.width = ledger::kTileWidth;
      URNA_ASSIGN_OR_RETURN(answer, Get(id));
    }
    if (answer.status != 200) return Unexpected(UrlOf(id), answer.status);
    return std::move(answer.body);
  }

  /// Tries again what may pass: a ledger has thousands of bundles, and one line that drops shall
  /// not cost them all.
  absl::StatusOr<http::Response> Get(const TileId& id) {
    for (int attempt = 0;; ++attempt) {
      auto answer = client_->Get(UrlOf(id));
      const bool passing = answer.ok() ? answer->status == 429 || answer->status >= 500
                                       : absl::IsUnavailable(answer.status());
      if (!passing || attempt == kMoreAttempts) return answer;
      std::this_thread::sleep_for(kFirstWait * (1 << attempt));
    }
  }

  std::string UrlOf(const TileId& id) const { return Cat(url_, "/", id.Path()); }

  static absl::Status Unexpected(const std::string& url, int status) {
    if (status == 404) {
      return base::Failure(absl::StatusCode::kNotFound,
                           Cat(url, ": is not there; is this the right poll and server?"));
    }
    return base::Failure(absl::StatusCode::kUnavailable,
                         Cat(url, ": the server answered with status ", status));
  }

  /// 0 if the note cannot be read; whoever asked for it will say why.
  static uint64_t SizeIn(const std::string& note) {
    const auto parsed = ledger::Note::Parse(note);
    if (!parsed.ok()) return 0;
    const auto checkpoint = ledger::Checkpoint::ParseBody(parsed->text);
    return checkpoint.ok() ? checkpoint->size : 0;
  }

  static constexpr int kMoreAttempts = 2;
  static constexpr std::chrono::milliseconds kFirstWait{200};

  const std::string url_;
  const std::unique_ptr<http::Client> client_;
  uint64_t size_ = 0;  // of the newest checkpoint, unverified
};

}  // namespace

std::unique_ptr<LedgerSource> OverGrpc(Connection& connection, const Hash32& poll) {
  return std::make_unique<GrpcSource>(connection, poll);
}

absl::StatusOr<std::unique_ptr<LedgerSource>> OverHttp(const std::string& url,
                                                       const std::string& certificate) {
  URNA_ASSIGN_OR_RETURN(std::string normal, http::ParseUrl(url));
  http::Client::Options options;
  options.certificate = certificate;
  // As long as a call over gRPC may take, and room for the largest bundle.
  options.timeout = std::chrono::minutes(2);
  options.max_body = ledger::kTileWidth * (2 + ledger::kMaxRecordBytes);
  URNA_ASSIGN_OR_RETURN(auto client, http::Client::Open(std::move(options)));
  return std::make_unique<HttpSource>(std::move(normal), std::move(client));
}

std::string LogUrl(const std::string& base, const Hash32& poll) {
  std::string_view trimmed = base;
  while (trimmed.ends_with('/')) trimmed.remove_suffix(1);
  return Cat(trimmed, "/", base::Hex(poll));
}

}  // namespace urna::client
