#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "crypto/vartime/buckets.h"
#include "crypto/vartime/ifma.h"

#pragma GCC target("avx512f,avx512ifma")

namespace urna::crypto::vartime {
namespace {

constexpr size_t kLimbs = 20;  // of X, Y, Z, T
constexpr size_t kRow = 24;    // three vectors

/// Eight elements, one in each lane.
struct LaneElement {
  Lanes X, Y, Z, T;
};
struct LaneNiels {
  Lanes y_plus_x, y_minus_x, xy2d;
};

LaneElement Complete(const Lanes& X, const Lanes& Y, const Lanes& Z, const Lanes& T) {
  return {X * T, Y * Z, Z * T, X * Y};
}

// As Element's additions.
LaneElement operator+(const LaneElement& a, const LaneNiels& n) {
  const Lanes PP = (a.Y + a.X) * n.y_plus_x;
  const Lanes MM = (a.Y - a.X) * n.y_minus_x;
  const Lanes TT = a.T * n.xy2d;
  const Lanes ZZ = a.Z + a.Z;
  return Complete(PP - MM, PP + MM, ZZ + TT, ZZ - TT);
}

LaneElement Sum(const LaneElement& a, const LaneElement& b, const Lanes& d2) {
  const Lanes PP = (a.Y + a.X) * (b.Y + b.X);
  const Lanes MM = (a.Y - a.X) * (b.Y - b.X);
  const Lanes TT = a.T * (b.T * d2);
  const Lanes Z = a.Z * b.Z;
  const Lanes ZZ = Z + Z;
  return Complete(PP - MM, PP + MM, ZZ + TT, ZZ - TT);
}

Lanes Everywhere(const Fe& value) {
  Lanes out;
  for (size_t k = 0; k < 5; ++k) {
    out.limb[k] = _mm512_set1_epi64(static_cast<int64_t>(value.limb[k]));
  }
  return out;
}

void Select(Lanes& lanes, __mmask8 mask, const Lanes& instead) {
  for (size_t k = 0; k < 5; ++k) {
    lanes.limb[k] = _mm512_mask_mov_epi64(lanes.limb[k], mask, instead.limb[k]);
  }
}

/// Rows to columns of an 8 x 8 matrix of 64-bit numbers, and back.
void Transpose(__m512i (&m)[8]) {
  __m512i pairs[8], quads[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(m[i], m[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(m[i], m[i + 1]);
  }
  // 128-bit blocks: rows (0,1) (2,3) (4,5) (6,7).
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    quads[i] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0x88);
    quads[i + 2] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0xdd);
    quads[i + 4] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0x88);
    quads[i + 6] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0xdd);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    m[i] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0x88);
    m[i + 4] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0xdd);
    m[i + 2] = _mm512_shuffle_i64x2(quads[i + 2], quads[i + 6], 0x88);
    m[i + 6] = _mm512_shuffle_i64x2(quads[i + 2], quads[i + 6], 0xdd);
  }
}

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
  LaneNiels niels{Everywhere(term.y_plus_x), Everywhere(term.y_minus_x), Everywhere(term.xy2d)};
  if (targets.negative != 0) {
    const Lanes plus = niels.y_plus_x;
    Select(niels.y_plus_x, targets.negative, niels.y_minus_x);
    Select(niels.y_minus_x, targets.negative, plus);
    Select(niels.xy2d, targets.negative, Everywhere(kZero) - niels.xy2d);
  }
  Store(Load(targets.rows) + niels, targets.rows);
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
    const auto X = ValuesOf(total.X), Y = ValuesOf(total.Y), Z = ValuesOf(total.Z),
               T = ValuesOf(total.T);
    for (size_t lane = kLanes; lane-- > 0;) {
      for (unsigned i = 0; i < digits.window; ++i) sum = sum.Double();
      sum += Element::FromCoordinates(X[lane], Y[lane], Z[lane], T[lane]);
    }
  }
  return sum;
}

}  // namespace urna::crypto::vartime
