#pragma once

#include <span>
#include <vector>

#include "crypto/consttime/digits.h"
#include "crypto/consttime/element.h"
#include "crypto/consttime/table.h"

namespace urna::crypto::consttime {

// With eight lanes of AVX-512 IFMA. Precondition of both: vartime::HasIfma().

/// Appends the sums of each `terms` products; at most eight sums, all over the same bases.
void SumsIfma(std::span<const Product> products, size_t terms, std::vector<SecretElement>& out);

/// sum of the scalars that the digits stand for times the elements; equal lengths.
SecretElement StrausIfma(std::span<const Secret<Digits>> digits,
                         std::span<const vartime::Element> elements);

}  // namespace urna::crypto::consttime
