#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace urna::client {

/// Makes SIGINT, SIGTERM and SIGHUP run what OnInterrupt objects ask for and then end the program
/// with status 130. Call once, before any other thread starts.
void HandleInterrupts();

/// While it lives, an interrupt runs `undo`: puts the terminal back, removes a temporary folder.
/// Without HandleInterrupts it does nothing.
class OnInterrupt {
 public:
  explicit OnInterrupt(std::function<void()> undo);
  ~OnInterrupt();
  OnInterrupt(const OnInterrupt&) = delete;
  OnInterrupt& operator=(const OnInterrupt&) = delete;

 private:
  std::list<std::function<void()>>::iterator position_;
};

/// A folder that is removed with all it holds when this ends, or when the program is interrupted.
class TemporaryFolder {
 public:
  /// A new folder under TMPDIR or /tmp. Errors: Unavailable.
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create();
  /// Takes responsibility for `path`, which need not exist yet.
  explicit TemporaryFolder(std::string path);
  ~TemporaryFolder();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  OnInterrupt on_interrupt_;
};

}  // namespace urna::client
