#include "client/wallet.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "client/key_file.h"
#include "crypto/credential.h"

namespace urna::client {
namespace {

using crypto::SecretText;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class WalletTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    std::string pattern = ::testing::TempDir() + "/wallet-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static crypto::Token SomeToken() {
    return {crypto::Scalar::Random(), crypto::Scalar::Random(), crypto::Scalar::Random(),
            crypto::Scalar::Random()};
  }
  static Wallet SomeWallet() {
    Wallet wallet =
        Wallet::New(crypto::HashSha256("poll"), crypto::CredentialKey::New().V, "dzielnica-1", 2);
    wallet.tokens[1] = SomeToken();
    wallet.last_revision = 7;
    wallet.pending = PendingBallot{8, std::string("\0\xff payload", 10)};
    wallet.receipts = {{6, "a receipt\n"}, {7, std::string("\0\xff", 2)}};
    wallet.phrase_settled = true;
    return wallet;
  }
  std::string Path() const { return folder_ + "/wallet"; }

  std::string folder_;
};

void ExpectEqual(const Wallet& a, const Wallet& b) {
  EXPECT_EQ(a.poll, b.poll);
  EXPECT_EQ(a.credential, b.credential);
  EXPECT_EQ(a.style, b.style);
  EXPECT_EQ(a.omega.Expose(), b.omega.Expose());
  ASSERT_EQ(a.tokens.size(), b.tokens.size());
  for (size_t i = 0; i < a.tokens.size(); ++i) {
    ASSERT_EQ(a.tokens[i].has_value(), b.tokens[i].has_value());
    if (!a.tokens[i].has_value()) continue;
    EXPECT_EQ(a.tokens[i]->c, b.tokens[i]->c);
    EXPECT_EQ(a.tokens[i]->s, b.tokens[i]->s);
    EXPECT_EQ(a.tokens[i]->y, b.tokens[i]->y);
    EXPECT_EQ(a.tokens[i]->t, b.tokens[i]->t);
  }
  EXPECT_EQ(a.last_revision, b.last_revision);
  ASSERT_EQ(a.pending.has_value(), b.pending.has_value());
  if (a.pending.has_value()) {
    EXPECT_EQ(a.pending->revision, b.pending->revision);
    EXPECT_EQ(a.pending->payload, b.pending->payload);
  }
  ASSERT_EQ(a.receipts.size(), b.receipts.size());
  for (size_t i = 0; i < a.receipts.size(); ++i) {
    EXPECT_EQ(a.receipts[i].revision, b.receipts[i].revision);
    EXPECT_EQ(a.receipts[i].text, b.receipts[i].text);
  }
  EXPECT_EQ(a.phrase_settled, b.phrase_settled);
  EXPECT_EQ(a.restored, b.restored);
}

TEST_F(WalletTest, KeepsEverythingThroughItsFile) {
  const Wallet wallet = SomeWallet();
  ASSERT_TRUE(SaveWallet(Path(), wallet, SecretText("secret")).ok());
  const auto loaded = LoadWallet(Path(), SecretText("secret"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectEqual(wallet, *loaded);
  EXPECT_FALSE(loaded->has_all_tokens());
}

TEST_F(WalletTest, EveryNewWalletHasAnOmegaOfItsOwn) {
  const crypto::Point V = crypto::CredentialKey::New().V;
  const Wallet a = Wallet::New({}, V, "s", 1);
  const Wallet b = Wallet::New({}, V, "s", 1);
  EXPECT_NE(a.omega.Expose(), b.omega.Expose());
  EXPECT_NE(a.omega.Expose(), base::Bytes32{});
}

TEST_F(WalletTest, FileIsForItsOwnerAndShowsNoSecret) {
  const Wallet wallet = SomeWallet();
  ASSERT_TRUE(SaveWallet(Path(), wallet, SecretText("secret")).ok());
  struct stat info;
  ASSERT_EQ(stat(Path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto text = base::ReadFile(Path());
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, Not(HasSubstr(base::Hex(wallet.omega.Expose()))));
  EXPECT_THAT(*text, Not(HasSubstr(base::Hex(wallet.tokens[1]->s.bytes()))));
  EXPECT_THAT(*text, Not(HasSubstr(base::Hex(wallet.credential.bytes()))));
}

TEST_F(WalletTest, RefusesAWrongPassphrase) {
  ASSERT_TRUE(SaveWallet(Path(), SomeWallet(), SecretText("secret")).ok());
  EXPECT_EQ(LoadWallet(Path(), SecretText("Secret")).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(WalletTest, RefusesACredentialFileInItsPlace) {
  const auto key = crypto::CredentialKey::New();
  ASSERT_TRUE(SaveCredential(Path(), key.k, key.V, SecretText("secret")).ok());
  EXPECT_EQ(LoadWallet(Path(), SecretText("secret")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(WalletTest, RefusesADamagedFile) {
  ASSERT_TRUE(SaveWallet(Path(), SomeWallet(), SecretText("secret")).ok());
  const auto text = base::ReadFile(Path());
  ASSERT_TRUE(text.ok());
  ASSERT_TRUE(base::WriteFileAtomic(Path(), text->substr(0, text->size() / 2)).ok());
  EXPECT_FALSE(LoadWallet(Path(), SecretText("secret")).ok());
}

TEST_F(WalletTest, NamesTheDamagedField) {
  const SecretText encoded = SomeWallet().Encode();
  const Json good = Json::parse(encoded.Expose());
  const std::string not_a_scalar(256, 'f');
  const std::vector<std::pair<std::string, Json>> damages = {
      {"format", "urna-wallet/2"},
      {"poll", "00"},
      {"poll", 5},
      {"credential", std::string(64, '0')},  // the identity
      {"credential", std::string(64, 'f')},
      {"style", nullptr},
      {"omega", "zz"},
      {"tokens", Json::array()},
      {"tokens", Json::array({not_a_scalar})},
      {"tokens", Json::array({7})},
      {"last_revision", 65536},
      {"last_revision", -1},
      {"pending", 3},
      {"pending", {{"revision", 1}, {"payload", "%"}}},
      {"pending", {{"revision", 65536}, {"payload", ""}}},
      {"receipts", 3},
      {"receipts", Json::array({{{"revision", 1}, {"text", "%"}}})},
      {"receipts", Json::array({{{"revision", -1}, {"text", ""}}})},
      {"phrase_settled", 1},
      {"restored", nullptr},
  };
  for (const auto& [field, value] : damages) {
    Json damaged = good;
    damaged[field] = value;
    const auto wallet = Wallet::Decode(SecretText(damaged.dump()));
    ASSERT_FALSE(wallet.ok()) << field << " " << value;
    EXPECT_THAT(std::string(wallet.status().message()), HasSubstr("'" + field + "'"));
  }
  for (const auto& item : good.items()) {
    Json damaged = good;
    damaged.erase(item.key());
    EXPECT_FALSE(Wallet::Decode(SecretText(damaged.dump())).ok()) << item.key();
  }
  EXPECT_FALSE(Wallet::Decode(SecretText("[]")).ok());
  EXPECT_FALSE(Wallet::Decode(SecretText("")).ok());
  EXPECT_TRUE(Wallet::Decode(encoded).ok());
}

TEST_F(WalletTest, KeepsTheNewestReceipts) {
  Wallet wallet = SomeWallet();
  for (uint16_t i = 0; i < Wallet::kMaxReceipts; ++i) wallet.KeepReceipt({i, "receipt"});
  EXPECT_EQ(wallet.receipts.size(), Wallet::kMaxReceipts);
  EXPECT_EQ(wallet.receipts.front().revision, 0);
  EXPECT_EQ(wallet.receipts.back().revision, Wallet::kMaxReceipts - 1);
}

TEST_F(WalletTest, ShowsItsStateWithoutPassphraseButNotHowOftenItVoted) {
  using State = WalletSummary::State;
  const auto peeked = [&](const Wallet& wallet) {
    EXPECT_TRUE(SaveWallet(Path(), wallet, SecretText("secret")).ok());
    const auto summary = PeekWallet(Path());
    EXPECT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->poll, wallet.poll);
    return summary->state;
  };
  Wallet wallet = Wallet::New(crypto::HashSha256("poll"), crypto::CredentialKey::New().V, "s", 1);
  EXPECT_EQ(peeked(wallet), State::kNew);
  wallet.tokens[0] = SomeToken();
  EXPECT_EQ(peeked(wallet), State::kToken);
  wallet.last_revision = 1;
  EXPECT_EQ(peeked(wallet), State::kCast);
  const std::string once = ReadKeyFilePublic(Path(), "wallet").value();
  wallet.last_revision = 2;
  EXPECT_EQ(peeked(wallet), State::kCast);
  // Whoever forces somebody must not see that they voted again.
  EXPECT_EQ(ReadKeyFilePublic(Path(), "wallet").value(), once);
  wallet.pending = PendingBallot{3, "payload"};
  EXPECT_EQ(peeked(wallet), State::kPending);

  ASSERT_TRUE(
      WriteKeyFile(Path(), "wallet", "nonsense", SecretText("x"), SecretText("y"), true).ok());
  EXPECT_EQ(PeekWallet(Path()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WalletTest, IsForOneProcessAtATime) {
  auto lock = LockWallet(Path());
  ASSERT_TRUE(lock.ok()) << lock.status();
  // A lock is the open file's, so that this process is refused like any other.
  const auto second = LockWallet(Path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another urna"));
  // Saving puts a new file in the wallet's place, and the lock holds on.
  ASSERT_TRUE(SaveWallet(Path(), SomeWallet(), SecretText("secret")).ok());
  EXPECT_FALSE(LockWallet(Path()).ok());
  EXPECT_TRUE(LockWallet(Path() + "2").ok());
  { const base::FileLock moved = std::move(*lock); }
  EXPECT_TRUE(LockWallet(Path()).ok());
  EXPECT_EQ(LockWallet(folder_ + "/absent/wallet").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WalletTest, LabelsAreNamesAndNoPaths) {
  for (const std::string good : {"anna", "Zażółć Gęślą", "a.b", "-", "dziadek 2"}) {
    EXPECT_TRUE(CheckLabel(good).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("../x"), std::string("a/b"), std::string("."),
        std::string("a\nb"), std::string("a\0b", 3), std::string("\xff"), std::string(65, 'a')}) {
    EXPECT_EQ(CheckLabel(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST_F(WalletTest, FindsTheFolderOfWallets) {
  const auto set = [](const char* wallets, const char* data, const char* home) {
    setenv("URNA_WALLETS", wallets, 1);
    setenv("XDG_DATA_HOME", data, 1);
    setenv("HOME", home, 1);
    return WalletFolder();
  };
  EXPECT_EQ(set("w", "/data", "/home/a").value(), "w");
  EXPECT_EQ(set("", "/data", "/home/a").value(), "/data/urna/wallets");
  EXPECT_EQ(set("", "relative", "/home/a").value(), "/home/a/.local/share/urna/wallets");
  EXPECT_EQ(set("", "", "").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WalletTest, ListsTheWalletsOfEachPollAndResident) {
  EXPECT_TRUE(ListWallets(folder_ + "/absent", std::nullopt).value().empty());
  Wallet wallet = SomeWallet();
  const auto put = [&](const crypto::Hash32& poll, const std::string& label) {
    const std::string path = WalletPath(folder_, poll, label).value();
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    ASSERT_TRUE(SaveWallet(path, wallet, SecretText("secret")).ok());
  };
  const crypto::Hash32 other = crypto::HashSha256("other");
  put(wallet.poll, "jan");
  put(wallet.poll, "anna");
  put(other, "strayed");
  ASSERT_TRUE(base::WriteFileAtomic(WalletPath(folder_, wallet.poll, "zepsuty").value(), "?").ok());
  ASSERT_TRUE(base::WriteFileAtomic(folder_ + "/notes.wallet", "?").ok());
  ASSERT_TRUE(LockWallet(WalletPath(folder_, wallet.poll, "jan").value()).ok());

  const auto listed = ListWallets(folder_, wallet.poll).value();
  ASSERT_EQ(listed.size(), 3u);
  EXPECT_EQ(listed[0].label, "anna");
  EXPECT_TRUE(listed[0].summary.ok());
  EXPECT_EQ(listed[1].label, "jan");
  EXPECT_EQ(listed[2].label, "zepsuty");
  EXPECT_FALSE(listed[2].summary.ok());
  const auto all = ListWallets(folder_, std::nullopt).value();
  EXPECT_EQ(all.size(), 4u);
  EXPECT_FALSE(ListWallets(folder_, other).value().at(0).summary.ok());
}

TEST_F(WalletTest, CredentialFileKeepsTheKeyAndIsNeverReplaced) {
  const auto key = crypto::CredentialKey::New();
  ASSERT_TRUE(SaveCredential(Path(), key.k, key.V, SecretText("secret")).ok());
  const auto k = LoadCredential(Path(), SecretText("secret"));
  ASSERT_TRUE(k.ok()) << k.status();
  EXPECT_EQ(crypto::MulBase(*k), key.V);

  const auto other = crypto::CredentialKey::New();
  EXPECT_EQ(SaveCredential(Path(), other.k, other.V, SecretText("secret")).code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(WalletTest, RefusesACredentialFileWhoseSecretIsNotThatOfItsPublicPart) {
  const auto key = crypto::CredentialKey::New();
  const auto other = crypto::CredentialKey::New();
  ASSERT_TRUE(SaveCredential(Path(), key.k, other.V, SecretText("secret")).ok());
  EXPECT_EQ(LoadCredential(Path(), SecretText("secret")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace urna::client
