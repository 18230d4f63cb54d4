// The arrows of docs/architecture.md: which folder may include which, and which libraries.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Set = std::set<std::string>;

struct Room {
  Set folders;    // of this project
  Set libraries;  // first path component or whole name of foreign headers
};

// The standard library's headers have no dot and no slash; POSIX ones are listed.
const Set kPosix = {"fcntl.h",  "unistd.h", "sys",     "signal.h", "termios.h",
                    "netdb.h",  "arpa",     "netinet", "poll.h",   "errno.h",
                    "stdlib.h", "dirent.h", "time.h",  "stdio.h",  "pthread.h"};

const std::map<std::string, Room>& Rooms() {
  static const std::map<std::string, Room> rooms = {
      {"base", {{"base"}, {"absl"}}},
      {"cli", {{"base", "cli"}, {"absl", "CLI"}}},
      {"http", {{"base", "http"}, {"absl", "microhttpd.h", "curl"}}},
      {"crypto",
       {{"base", "crypto", "crypto/consttime", "crypto/vartime"}, {"absl", "sodium.h", "openssl"}}},
      {"crypto/consttime",
       {{"base", "crypto", "crypto/consttime", "crypto/vartime"}, {"immintrin.h", "sodium.h"}}},
      {"crypto/vartime", {{"base", "crypto", "crypto/vartime"}, {"absl", "immintrin.h", "sodium.h"}}},
      {"ledger", {{"base", "crypto", "ledger"}, {"absl", "openssl"}}},
      {"ledger/store", {{"base", "crypto", "ledger", "ledger/store"}, {"absl", "rocksdb"}}},
      {"poll", {{"base", "crypto", "ledger", "poll", "poll/counting"}, {"absl", "nlohmann"}}},
      {"poll/counting", {{"base", "poll", "poll/counting"}, {"absl", "gmpxx.h"}}},
      {"documents",
       {{"base", "crypto", "ledger", "poll", "poll/counting", "documents"}, {"absl", "nlohmann"}}},
      {"verifier",
       {{"base", "cli", "crypto", "ledger", "poll", "poll/counting", "documents", "verifier"},
        {"absl", "nlohmann", "CLI"}}},
      {"client",
       {{"base", "cli", "crypto", "ledger", "poll", "poll/counting", "documents", "proto", "http",
         "client"},
        {"absl", "nlohmann", "CLI", "grpcpp", "sodium.h", "cairo-pdf.h", "pango", "qrencode.h"}}},
      {"server",
       {{"base", "cli", "crypto", "ledger", "ledger/store", "poll", "poll/counting", "proto",
         "http", "server"},
        {"absl", "CLI", "nlohmann", "grpc", "grpcpp", "openssl", "rocksdb", "sodium.h"}}},
      {"demo",
       {{"base", "crypto", "ledger", "poll", "poll/counting", "proto", "client", "demo"},
        {"absl", "nlohmann", "CLI", "grpcpp"}}},
  };
  return rooms;
}

std::vector<std::string> ArrowsBroken(const std::string& folder, const std::string& name,
                                      std::istream& source) {
  const Room& room = Rooms().at(folder);
  std::vector<std::string> broken;
  std::string line;
  while (std::getline(source, line)) {
    if (!line.starts_with("#include ")) continue;
    const char open = line[9];
    const std::string path = line.substr(10, line.find_first_of("\">", 10) - 10);
    const fs::path parent = fs::path(path).parent_path();
    if (open == '"') {
      const bool own = room.folders.contains(parent.string());
      const bool library = room.libraries.contains(parent.begin()->string());
      if (!own && !library) broken.push_back(name + " includes " + path);
      continue;
    }
    const std::string first = fs::path(path).begin()->string();
    const bool standard =
        path.find('.') == std::string::npos && path.find('/') == std::string::npos;
    if (!standard && !kPosix.contains(first) && !room.libraries.contains(first)) {
      broken.push_back(name + " includes <" + path + ">");
    }
  }
  return broken;
}

TEST(Arrows, EveryFolderIncludesOnlyWhatItMay) {
  size_t files = 0;
  for (const auto& [folder, room] : Rooms()) {
    for (const auto& entry : fs::directory_iterator(fs::path(URNA_SOURCE_DIR) / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc") continue;
      ++files;
      std::ifstream source(entry.path());
      for (const std::string& arrow :
           ArrowsBroken(folder, entry.path().filename().string(), source)) {
        ADD_FAILURE() << folder << "/" << arrow;
      }
    }
  }
  EXPECT_GT(files, 50u);
}

// docs/protocol.md promises to list every id; what is composed of a role is listed there too.
TEST(RejectIds, EveryOneStandsInTheProtocolsAppendix) {
  std::ifstream file(fs::path(URNA_SOURCE_DIR) / "docs/protocol.md");
  const std::string protocol((std::istreambuf_iterator<char>(file)), {});
  const std::regex reject("(?:Reject|FaultOf)\\(\\s*\"([a-z-]+\\.[a-z-]+)\"");
  size_t ids = 0;
  for (const auto& [folder, room] : Rooms()) {
    for (const auto& entry : fs::directory_iterator(fs::path(URNA_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream source(entry.path());
      const std::string text((std::istreambuf_iterator<char>(source)), {});
      for (std::sregex_iterator it(text.begin(), text.end(), reject), end; it != end; ++it) {
        ++ids;
        EXPECT_NE(protocol.find("| `" + (*it)[1].str() + "` |"), std::string::npos)
            << entry.path().filename() << ": " << (*it)[1];
      }
    }
  }
  EXPECT_GT(ids, 100u);
}

TEST(Arrows, AWrongArrowIsNoticed) {
  for (const std::string include :
       {"#include \"server/sequencer.h\"", "#include <grpcpp/grpcpp.h>",
        "#include \"ledger/store/store.h\"", "#include \"proto/urna.pb.h\""}) {
    std::istringstream source(include + "\n");
    EXPECT_EQ(ArrowsBroken("verifier", "x.cc", source).size(), 1u) << include;
  }
  std::istringstream fine(
      "#include <vector>\n#include \"poll/state.h\"\n#include \"absl/status/status.h\"\n");
  EXPECT_TRUE(ArrowsBroken("verifier", "x.cc", fine).empty());
}

}  // namespace
