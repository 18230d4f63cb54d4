#include "client/interrupt.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

std::mutex mutex;
// Newest last. Never destroyed: the thread below may read it while the program ends.
std::list<std::function<void()>>& Undos() {
  static auto* const undos = new std::list<std::function<void()>>;
  return *undos;
}

}  // namespace

void HandleInterrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  // Threads started from now on inherit this, so that only the one below takes the signals and may
  // do what a signal handler must not.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    while (sigwait(&signals, &signal) != 0) {
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (auto undo = Undos().rbegin(); undo != Undos().rend(); ++undo) (*undo)();
    _exit(130);
  }).detach();
}

OnInterrupt::OnInterrupt(std::function<void()> undo) {
  const std::lock_guard<std::mutex> lock(mutex);
  position_ = Undos().insert(Undos().end(), std::move(undo));
}

OnInterrupt::~OnInterrupt() {
  const std::lock_guard<std::mutex> lock(mutex);
  Undos().erase(position_);
}

absl::StatusOr<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Create() {
  const char* parent = getenv("TMPDIR");
  std::string path =
      base::Cat(parent != nullptr && *parent != '\0' ? parent : "/tmp", "/urna-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return base::Failure(absl::StatusCode::kUnavailable,
                         base::Cat(path, ": cannot create the folder: ", strerror(errno)));
  }
  return std::make_unique<TemporaryFolder>(std::move(path));
}

TemporaryFolder::TemporaryFolder(std::string path)
    : path_(std::move(path)), on_interrupt_([folder = path_] {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
      }) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace urna::client
