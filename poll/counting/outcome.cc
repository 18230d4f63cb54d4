#include "poll/counting/outcome.h"

namespace urna::poll::counting {

bool IsFunded(Reason reason) {
  return reason == Reason::kFits || reason == Reason::kShares || reason == Reason::kReserve;
}

std::string FormatRational(const mpq_class& value, uint32_t digits) {
  mpz_class scale;
  mpz_ui_pow_ui(scale.get_mpz_t(), 10, digits);
  // floor(value * scale + 1/2)
  const mpz_class rounded = (2 * value.get_num() * scale + value.get_den()) / (2 * value.get_den());
  std::string text = rounded.get_str();
  if (digits == 0) return text;
  if (text.size() <= digits) text = std::string(digits + 1 - text.size(), '0') + text;
  return text.substr(0, text.size() - digits) + "." + text.substr(text.size() - digits);
}

}  // namespace urna::poll::counting
