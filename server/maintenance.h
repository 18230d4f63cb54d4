#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

namespace urna::server {

/// The commands of urna-server for a data folder while no server runs on it, or beside one.
class Maintenance {
 public:
  /// Adds them to `app`.
  explicit Maintenance(CLI::App& app);
  ~Maintenance();
  /// Runs the command that was given and returns the exit status; nothing if it is none of these.
  std::optional<int> Run() const;

 private:
  struct Commands;
  std::unique_ptr<Commands> commands_;
};

}  // namespace urna::server
