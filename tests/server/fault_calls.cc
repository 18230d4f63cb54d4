// Preloaded into a server (LD_PRELOAD): counts the system calls by which it changes files in one
// folder, and has one of them fail. Not counted are those on RocksDB's own logs (LOG), which are by
// far the most, and of which every one may fail (tests/ledger/store_crash_test.cc, RocksLog). The
// variables of the environment:
//   URNA_FAULT_FOLDER  the folder
//   URNA_FAULT_AT      which call, from 1; 0: none
//   URNA_FAULT         error   fails with EIO and does nothing
//                      done    does it, and fails with EIO all the same
//                      full    half of what is to be written is; from then on, ENOSPC
//                      kill    half of what is to be written is; the process is killed
//   URNA_FAULT_COUNT   a file that is given the number of calls at the process's orderly end

// What it checks it inlines under the names that are defined here.
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string_view>

namespace {

enum class Fault { kError, kDone, kFull, kKill };

std::string_view Variable(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? std::string_view() : value;
}

struct Plan {
  Plan() {
    folder = Variable("URNA_FAULT_FOLDER");
    at = strtoull(Variable("URNA_FAULT_AT").data() == nullptr ? "0" : getenv("URNA_FAULT_AT"),
                  nullptr, 10);
    const std::string_view name = Variable("URNA_FAULT");
    fault = name == "done"   ? Fault::kDone
            : name == "full" ? Fault::kFull
            : name == "kill" ? Fault::kKill
                             : Fault::kError;
  }
  ~Plan() {
    if (const char* const path = getenv("URNA_FAULT_COUNT"); path != nullptr) {
      if (FILE* const file = fopen(path, "w"); file != nullptr) {
        fprintf(file, "%llu\n", static_cast<unsigned long long>(calls.load()));
        fclose(file);
      }
    }
  }
  bool Concerns(std::string_view path) const {
    return !folder.empty() && path.starts_with(folder) && path.size() > folder.size() &&
           path[folder.size()] == '/' && !path.ends_with("/LOG") && !path.ends_with("/LOG.old");
  }

  std::string_view folder;
  unsigned long long at = 0;
  Fault fault = Fault::kError;
  std::atomic<unsigned long long> calls{0};
};

Plan& ThePlan() {
  static Plan plan;
  return plan;
}
// So that it ends, and writes its count, after an orderly end.
[[maybe_unused]] const Plan& made_at_start = ThePlan();

std::array<std::atomic<bool>, 65536> watched;  // by file descriptor

bool IsWatched(int fd) {
  return fd >= 0 && static_cast<size_t>(fd) < watched.size() && watched[static_cast<size_t>(fd)];
}
void Watch(long fd, bool watch) {
  if (fd >= 0 && static_cast<size_t>(fd) < watched.size()) watched[static_cast<size_t>(fd)] = watch;
}

/// What becomes of a call: done, half of it done (if it can be), failed.
struct Fate {
  bool doit = true;
  bool half = false;
  int error = 0;
  bool die = false;
};
/// `grows`: it needs room on the disk.
Fate Decide(bool grows) {
  Plan& plan = ThePlan();
  const auto number = ++plan.calls;
  if (plan.at == 0 || number < plan.at) return {};
  if (plan.fault == Fault::kFull) {
    // A disk that is full stays so, and syncs all the same.
    if (!grows) return {};
    return {.doit = false, .half = number == plan.at, .error = ENOSPC};
  }
  if (number > plan.at) return {};
  switch (plan.fault) {
    case Fault::kError:
      return {.doit = false, .error = EIO};
    case Fault::kDone:
      return {.error = EIO};
    case Fault::kFull:
    case Fault::kKill:
      break;
  }
  return {.doit = false, .half = true, .die = true};
}

/// `call(part)` does the call, of which `part` is how much: 1 all, 2 half.
template <typename Call>
long Meet(const Fate& fate, bool divisible, Call call) {
  long result = -1;
  if (fate.doit) result = call(1);
  if (fate.half && divisible) call(2);
  if (fate.die) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  if (fate.error == 0) return result;
  errno = fate.error;
  return -1;
}

int Open(int folder, const char* path, int flags, mode_t mode) {
  const auto real = [&] { return syscall(SYS_openat, folder, path, flags, mode); };
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!ThePlan().Concerns(path)) {
    const long fd = real();
    Watch(fd, false);
    return static_cast<int>(fd);
  }
  long fd = -1;
  if (writes) {
    long opened = -1;
    fd = Meet(Decide((flags & O_CREAT) != 0), false, [&](int) { return opened = real(); });
    if (fd < 0 && opened >= 0) {
      const int error = errno;
      syscall(SYS_close, opened);
      errno = error;
    }
  } else {
    fd = real();
  }
  Watch(fd, true);
  return static_cast<int>(fd);
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

#define URNA_OPEN(name)                           \
  int name(const char* path, int flags, ...) {    \
    va_list arguments;                            \
    va_start(arguments, flags);                   \
    const mode_t mode = ModeOf(flags, arguments); \
    va_end(arguments);                            \
    return Open(AT_FDCWD, path, flags, mode);     \
  }
URNA_OPEN(open)
URNA_OPEN(open64)
#define URNA_OPENAT(name)                                  \
  int name(int folder, const char* path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = ModeOf(flags, arguments);          \
    va_end(arguments);                                     \
    return Open(folder, path, flags, mode);                \
  }
URNA_OPENAT(openat)
URNA_OPENAT(openat64)

int close(int fd) {
  Watch(fd, false);
  return static_cast<int>(syscall(SYS_close, fd));
}

ssize_t write(int fd, const void* bytes, size_t count) {
  const auto real = [&](size_t part) { return syscall(SYS_write, fd, bytes, count / part); };
  if (!IsWatched(fd)) return real(1);
  return Meet(Decide(true), true, real);
}

#define URNA_PWRITE(name)                                               \
  ssize_t name(int fd, const void* bytes, size_t count, off_t offset) { \
    const auto real = [&](size_t part) {                                \
      return syscall(SYS_pwrite64, fd, bytes, count / part, offset);    \
    };                                                                  \
    if (!IsWatched(fd)) return real(1);                                 \
    return Meet(Decide(true), true, real);                              \
  }
URNA_PWRITE(pwrite)
URNA_PWRITE(pwrite64)

int fsync(int fd) {
  const auto real = [&](int) { return syscall(SYS_fsync, fd); };
  return static_cast<int>(IsWatched(fd) ? Meet(Decide(false), false, real) : real(1));
}
int fdatasync(int fd) {
  const auto real = [&](int) { return syscall(SYS_fdatasync, fd); };
  return static_cast<int>(IsWatched(fd) ? Meet(Decide(false), false, real) : real(1));
}

#define URNA_FTRUNCATE(name)                                                             \
  int name(int fd, off_t size) {                                                         \
    const auto real = [&](int) { return syscall(SYS_ftruncate, fd, size); };             \
    return static_cast<int>(IsWatched(fd) ? Meet(Decide(false), false, real) : real(1)); \
  }
URNA_FTRUNCATE(ftruncate)
URNA_FTRUNCATE(ftruncate64)

int rename(const char* from, const char* to) noexcept {
  const auto real = [&](int) { return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to); };
  return static_cast<int>(ThePlan().Concerns(to) ? Meet(Decide(true), false, real) : real(1));
}
int link(const char* from, const char* to) noexcept {
  const auto real = [&](int) { return syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0); };
  return static_cast<int>(ThePlan().Concerns(to) ? Meet(Decide(true), false, real) : real(1));
}
int mkdir(const char* path, mode_t mode) noexcept {
  const auto real = [&](int) { return syscall(SYS_mkdirat, AT_FDCWD, path, mode); };
  return static_cast<int>(ThePlan().Concerns(path) ? Meet(Decide(true), false, real) : real(1));
}
}
