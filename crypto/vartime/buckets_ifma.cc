#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "crypto/vartime/buckets.h"
#include "crypto/vartime/ifma_element.h"

URNA_IFMA_BEGIN

namespace urna::crypto::vartime {
namespace {

constexpr size_t kLimbs = 20;  // of X, Y, Z, T
constexpr size_t kRow = 24;    // three vectors

using Rows = std::array<uint64_t*, kLanes>;

LaneElement Load(const Rows& rows) {
  __m512i limbs[kRow];
#pragma GCC unroll 3
  for (size_t part = 0; part < 3; ++part) {
    __m512i block[8];
#pragma GCC unroll 8
    for (size_t lane = 0; lane < kLanes; ++lane) {
      block[lane] = _mm512_load_si512(rows[lane] + 8 * part);
    }
    Transpose(block);
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; ++i) limbs[8 * part + i] = block[i];
  }
  LaneElement out;
#pragma GCC unroll 5
  for (size_t k = 0; k < 5; ++k) {
    out.X.limb[k] = limbs[k];
    out.Y.limb[k] = limbs[5 + k];
    out.Z.limb[k] = limbs[10 + k];
    out.T.limb[k] = limbs[15 + k];
  }
  return out;
}

void Store(const LaneElement& element, const Rows& rows) {
  __m512i limbs[kRow];
#pragma GCC unroll 5
  for (size_t k = 0; k < 5; ++k) {
    limbs[k] = element.X.limb[k];
    limbs[5 + k] = element.Y.limb[k];
    limbs[10 + k] = element.Z.limb[k];
    limbs[15 + k] = element.T.limb[k];
  }
#pragma GCC unroll 4
  for (size_t k = kLimbs; k < kRow; ++k) limbs[k] = _mm512_setzero_si512();
#pragma GCC unroll 3
  for (size_t part = 0; part < 3; ++part) {
    __m512i block[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; ++i) block[i] = limbs[8 * part + i];
    Transpose(block);
#pragma GCC unroll 8
    for (size_t lane = 0; lane < kLanes; ++lane) {
      _mm512_store_si512(rows[lane] + 8 * part, block[lane]);
    }
  }
}

struct AlignedDelete {
  void operator()(uint64_t* memory) const { operator delete[](memory, std::align_val_t(64)); }
};

/// The buckets of eight digits at once, and one row for terms whose digit is zero.
class Buckets {
 public:
  explicit Buckets(size_t count)
      : count_(count), rows_(new (std::align_val_t(64)) uint64_t[(count + 1) * kLanes * kRow]) {}

  void Clear() {
    uint64_t* row = rows_.get();
    for (size_t i = 0; i < (count_ + 1) * kLanes; ++i, row += kRow) {
      std::fill_n(row, kRow, 0);
      row[5] = row[10] = 1;  // Y = Z = 1
    }
  }
  uint64_t* Row(size_t lane, size_t bucket) {
    return rows_.get() + (bucket * kLanes + lane) * kRow;
  }
  /// Where nobody looks.
  uint64_t* Waste(size_t lane) { return Row(lane, count_); }
  Rows All(size_t bucket) {
    Rows rows;
    for (size_t lane = 0; lane < kLanes; ++lane) rows[lane] = Row(lane, bucket);
    return rows;
  }

 private:
  const size_t count_;
  const std::unique_ptr<uint64_t[], AlignedDelete> rows_;
};

/// Which buckets term `i` goes to, and the lanes in which it is subtracted.
struct Targets {
  Rows rows;
  __mmask8 negative = 0;
  bool any = false;
};

Targets TargetsOf(const Digits& digits, size_t first, size_t term, Buckets& buckets) {
  Targets out;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const int digit =
        first + lane < digits.count ? digits.rows[(first + lane) * digits.terms + term] : 0;
    if (digit == 0) {
      out.rows[lane] = buckets.Waste(lane);
      continue;
    }
    out.any = true;
    if (digit < 0) out.negative = static_cast<__mmask8>(out.negative | 1U << lane);
    out.rows[lane] = buckets.Row(lane, static_cast<size_t>(digit < 0 ? -digit : digit) - 1);
    for (size_t part = 0; part < 3; ++part) __builtin_prefetch(out.rows[lane] + 8 * part, 1);
  }
  return out;
}

void AddTerm(const AffineNiels& term, const Targets& targets) {
  const LaneNiels niels{Everywhere(term.y_plus_x), Everywhere(term.y_minus_x),
                        Everywhere(term.xy2d)};
  Store(Load(targets.rows) + Signed(niels, targets.negative), targets.rows);
}

}  // namespace

Element SumBucketsIfma(const Digits& digits, std::span<const AffineNiels> terms) {
  const size_t count = size_t{1} << (digits.window - 1);
  const Lanes d2 = Everywhere(Element::TwiceD());
  Buckets buckets(count);
  Element sum;
  const size_t passes = (digits.count + kLanes - 1) / kLanes;
  for (size_t pass = passes; pass-- > 0;) {
    const size_t first = pass * kLanes;
    buckets.Clear();
    // The buckets of the next term are on their way while this one is added.
    Targets next = TargetsOf(digits, first, 0, buckets);
    for (size_t i = 0; i < terms.size(); ++i) {
      const Targets now = next;
      if (i + 1 < terms.size()) next = TargetsOf(digits, first, i + 1, buckets);
      if (now.any) AddTerm(terms[i], now);
    }
    LaneElement running = Load(buckets.All(count - 1));
    LaneElement total = running;
    for (size_t bucket = count - 1; bucket-- > 0;) {
      running = Sum(running, Load(buckets.All(bucket)), d2);
      total = Sum(total, running, d2);
    }
    const std::array<Element, kLanes> sums = ElementsOf(total);
    for (size_t lane = kLanes; lane-- > 0;) {
      for (unsigned i = 0; i < digits.window; ++i) sum = sum.Double();
      sum += sums[lane];
    }
  }
  return sum;
}

}  // namespace urna::crypto::vartime

URNA_IFMA_END
