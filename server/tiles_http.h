#pragma once

#include "http/server.h"
#include "ledger/store/store.h"
#include "server/clock.h"
#include "server/live_poll.h"

namespace urna::server {

/// What is published of every poll, to anybody, as C2SP tlog-tiles: docs/protocol.md section 3.
/// GET and HEAD of
///   /                             a line "<poll id> <origin>" for each poll
///   /<poll id>/checkpoint
///   /<poll id>/tile/...           hash tiles and entry bundles, partial ones of every width
/// Anything else is 404; nothing shows whether more was written than is published.
/// `per_second`: requests of all callers together that are answered, 0 = no limit; others get 429.
/// The arguments must outlive the handler.
http::Handler ServeTiles(const PollBook& book, const ledger::Store& store, uint64_t per_second,
                         const Clock& clock);

}  // namespace urna::server
