#include "server/tiles_http.h"

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/tiles.h"
#include "server/limits.h"

namespace urna::server {
namespace {

using base::Cat;

// A tile says the same for ever; a checkpoint and the list may be other ones at any moment.
constexpr std::string_view kForEver = "public, max-age=31536000, immutable";
constexpr std::string_view kAskAgain = "no-cache";

http::Response Refusal(int status, std::string_view words) {
  return {.status = status, .body = Cat(words, "\n")};
}

http::Response ListOf(const PollBook& book) {
  http::Response list{.cache_control = std::string(kAskAgain)};
  for (const auto& poll : book.All()) {
    list.body += Cat(base::Hex(poll->id), " ", poll->view()->definition->ballot_box.name, "\n");
  }
  return list;
}

http::Response Answer(const PollBook& book, const ledger::Store& store, std::string_view path) {
  if (path == "/") return ListOf(book);
  constexpr size_t kIdDigits = 2 * sizeof(Hash32);
  const http::Response not_there = Refusal(404, "not here");
  Hash32 id;
  if (path.size() < kIdDigits + 2 || path[kIdDigits + 1] != '/' ||
      !base::Unhex(path.substr(1, kIdDigits), id) || base::Hex(id) != path.substr(1, kIdDigits)) {
    return not_there;
  }
  const auto poll = book.Find(id);
  if (poll == nullptr) return not_there;
  const auto view = poll->view();
  if (view->published_size == 0) return not_there;
  path.remove_prefix(kIdDigits + 2);
  if (path == "checkpoint") {
    return {.body = view->published_note, .cache_control = std::string(kAskAgain)};
  }
  // A reader would take a damaged tile for a falsified one.
  if (!view->damage.ok()) return Refusal(503, std::string(view->damage.message()));
  const auto tile = ledger::TileId::Parse(path);
  if (!tile.ok() || !ledger::IsWithin(view->published_size, *tile)) return not_there;
  auto bytes = store.ReadTile(id, *tile);
  if (!bytes.ok()) return Refusal(500, "cannot be read");
  return {.body = *std::move(bytes),
          .content_type = "application/octet-stream",
          .cache_control = std::string(kForEver)};
}

}  // namespace

http::Handler ServeTiles(const PollBook& book, const ledger::Store& store, uint64_t per_second,
                         const Clock& clock) {
  const auto rate = std::make_shared<RateLimit>(per_second, clock);
  return [&book, &store, rate](const http::Request& request) {
    if (rate->Take().count() != 0) return Refusal(429, "too many requests; try again later");
    if (request.method == "POST") return Refusal(405, "GET and HEAD only");
    return Answer(book, store, request.path);
  };
}

}  // namespace urna::server
