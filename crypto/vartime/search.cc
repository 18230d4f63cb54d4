#include "crypto/vartime/search.h"

#include <algorithm>

namespace urna::crypto::vartime {
namespace {

/// Into how many parts a range is cut: their sums are computed at once.
constexpr size_t kParts = 4;
/// So few items are looked at one by one: sums of few terms cost less together than one after
/// another.
constexpr size_t kSingles = 16;

struct Range {
  size_t first, count;
  Element sum;
};

/// Cuts ranges whose sums are not the identity, those of up to `singles` into ranges of one. Of
/// each, the parts whose sums are not the identity either: at least one.
std::vector<std::vector<Range>> Cut(
    std::span<const Range> ranges, size_t singles,
    const std::function<Batch(size_t range, size_t first, size_t count)>& batch_of) {
  std::vector<std::vector<Range>> parts(ranges.size());
  std::vector<Batch> batches;
  for (size_t r = 0; r < ranges.size(); ++r) {
    const auto& [first, count, sum] = ranges[r];
    const size_t pieces = count <= singles ? count : kParts;
    for (size_t i = 0; i < pieces; ++i) {
      const size_t begin = count * i / pieces, end = count * (i + 1) / pieces;
      parts[r].push_back({first + begin, end - begin, {}});
      if (i + 1 < pieces) batches.push_back(batch_of(r, first + begin, end - begin));
    }
  }
  const std::vector<Element> sums = Batch::Sums(batches);
  auto next = sums.begin();
  for (size_t r = 0; r < ranges.size(); ++r) {
    Element left = ranges[r].sum;
    for (size_t i = 0; i + 1 < parts[r].size(); ++i) {
      parts[r][i].sum = *next++;
      left -= parts[r][i].sum;
    }
    parts[r].back().sum = left;
    std::erase_if(parts[r], [](const Range& part) { return part.sum.IsIdentity(); });
  }
  return parts;
}

}  // namespace

std::vector<Failure> FindFailures(size_t items, Together together, const ItemBatch& batch_of) {
  std::vector<Range> ranges;
  std::vector<Batch> batches;
  const size_t count = together == Together::kAll ? items : 1;
  for (size_t first = 0; first < items; first += count) {
    ranges.push_back({first, count, {}});
    batches.push_back(batch_of(first, count));
  }
  const std::vector<Element> sums = Batch::Sums(batches);
  for (size_t r = 0; r < ranges.size(); ++r) ranges[r].sum = sums[r];
  std::erase_if(ranges, [](const Range& range) { return range.sum.IsIdentity(); });
  while (std::ranges::any_of(ranges, [](const Range& range) { return range.count > 1; })) {
    std::vector<Range> parts;
    for (const auto& of_one : Cut(ranges, kSingles, [&](size_t, size_t first, size_t size) {
           return batch_of(first, size);
         })) {
      parts.insert(parts.end(), of_one.begin(), of_one.end());
    }
    ranges = std::move(parts);
  }
  std::vector<Failure> failures;
  for (const Range& range : ranges) failures.push_back({range.first, range.sum});
  return failures;
}

std::vector<size_t> FirstFailing(std::span<const Failure> failures,
                                 const std::function<size_t(size_t item)>& equations,
                                 const EquationBatch& batch_of) {
  std::vector<Range> ranges;
  for (const Failure& failure : failures) {
    ranges.push_back({0, equations(failure.item), failure.sum});
  }
  while (std::ranges::any_of(ranges, [](const Range& range) { return range.count > 1; })) {
    const auto parts = Cut(ranges, kParts, [&](size_t range, size_t first, size_t count) {
      return batch_of(failures[range].item, first, count);
    });
    for (size_t r = 0; r < ranges.size(); ++r) ranges[r] = parts[r].front();
  }
  std::vector<size_t> first;
  for (const Range& range : ranges) first.push_back(range.first);
  return first;
}

}  // namespace urna::crypto::vartime
