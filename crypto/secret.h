#pragma once

#include <sodium.h>

#include <string>
#include <type_traits>
#include <utility>

namespace urna::crypto {

/// Holds a secret: move-only, wiped when destroyed or moved from, without printer or comparison.
/// `Expose()` is the only way in, so that every use can be found by name.
template <typename T>
requires std::is_trivially_copyable_v<T>
class Secret {
 public:
  Secret() : value_{} {}
  explicit Secret(T& source) : value_(source) { sodium_memzero(&source, sizeof source); }
  Secret(Secret&& other) noexcept : value_(other.value_) { other.Wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      value_ = other.value_;
      other.Wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Wipe(); }

  const T& Expose() const { return value_; }
  T& Expose() { return value_; }

 private:
  void Wipe() { sodium_memzero(&value_, sizeof value_); }

  T value_;
};

/// A text that is a secret (a code, a passphrase, a decrypted file): move-only and wiped.
class SecretText {
 public:
  SecretText() = default;
  /// Takes the text over and wipes what it was taken from.
  explicit SecretText(std::string&& source) : value_(source) { WipeString(source); }
  SecretText(SecretText&& other) noexcept : value_(other.value_) { WipeString(other.value_); }
  SecretText& operator=(SecretText&& other) noexcept {
    if (this != &other) {
      WipeString(value_);
      value_ = other.value_;
      WipeString(other.value_);
    }
    return *this;
  }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { WipeString(value_); }

  const std::string& Expose() const { return value_; }

 private:
  static void WipeString(std::string& text) {
    sodium_memzero(text.data(), text.size());
    text.clear();
  }

  std::string value_;
};

}  // namespace urna::crypto
