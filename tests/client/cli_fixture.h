#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "crypto/group.h"

namespace urna::client {

using base::Cat;
using Json = nlohmann::json;

struct Outcome {
  int status;
  std::string out, err;

  Json json() const { return Json::parse(out); }
};

/// Runs the built program, through a shell, with standard input closed.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    folder_ = TemporaryFolder::Create().value();
    setenv("URNA_PASSPHRASE", "passphrase", 1);
  }
  Outcome Run(const std::string& arguments, const std::string& wrapper = "") {
    return RunProgram(Cat(wrapper, " ", URNA_BIN, "/urna ", arguments));
  }
  Outcome RunVerifier(const std::string& arguments) {
    return RunProgram(Cat(URNA_BIN, "/urna-verify ", arguments));
  }
  Outcome RunProgram(const std::string& command) {
    const std::string out = Path("stdout"), err = Path("stderr");
    const int status = system(
        Cat("cd ", folder_->path(), " && ", command, " >", out, " 2>", err, " </dev/null").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, base::ReadFile(out).value(),
            base::ReadFile(err).value()};
  }
  /// A failure is one line that begins with the program's name.
  void ExpectError(const std::string& arguments, int status, const std::string& text) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, status) << arguments << "\n" << outcome.err;
    EXPECT_THAT(outcome.err,
                ::testing::AllOf(::testing::StartsWith("urna: "), ::testing::HasSubstr(text)))
        << arguments;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
    EXPECT_THAT(outcome.out, ::testing::IsEmpty()) << arguments;
  }
  std::string Path(const std::string& name) { return Cat(folder_->path(), "/", name); }
  void Put(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::WriteFileAtomic(Path(name), content).ok());
  }

  std::unique_ptr<TemporaryFolder> folder_;
};

}  // namespace urna::client
