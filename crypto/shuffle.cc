#include "crypto/shuffle.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "crypto/consttime/element.h"
#include "crypto/consttime/multi_mul.h"
#include "crypto/consttime/table.h"
#include "crypto/vartime/batch.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto {
namespace {

using consttime::Product;
using consttime::SecretElement;
using consttime::Table;
using vartime::Element;
using Section = MixLayout::Section;

constexpr size_t kMaxWidth = 1024;
constexpr std::string_view kBases = "shuffle-h/";
// Ballots that a mixer works on at once.
constexpr size_t kMixRows = 256;
// Terms that a verifier multiplies at once: more would cost less, but memory.
constexpr size_t kVerifyTerms = 32 * 1024;

size_t Columns(Section section, size_t width) {
  switch (section) {
    case Section::kOutputs:
      return width + 1;
    case Section::kPermutation:
    case Section::kChain:
    case Section::kChainCommitments:
      return 1;
    case Section::kCommitments:
      return width + 4;
    case Section::kResponses:
      return 4;
    case Section::kBallotResponses:
      return 2;
  }
  return 0;
}

void CheckStatement(const MixStatement& statement, const VectorList& inputs) {
  Check(statement.mixer >= 1, "mixers count from 1");
  Check(inputs.width >= 1 && statement.keys.size() == inputs.width, "a key for each column");
  Check(inputs.points.size() % inputs.columns() == 0, "whole vectors");
}

Transcript BeginTranscript(const MixStatement& statement, const VectorList& inputs) {
  Transcript transcript("shuffle");
  transcript.Append("opening", statement.opening)
      .Append("closed", statement.closed)
      .Append("contest", std::string_view(statement.contest))
      .Append("mixer", uint64_t{statement.mixer});
  for (const Point& key : statement.keys) transcript.Append("K", key);
  for (const Point& point : inputs.points) transcript.Append("in", point);
  return transcript;
}

std::string_view LabelOf(Section section) {
  switch (section) {
    case Section::kOutputs:
      return "out";
    case Section::kPermutation:
      return "c";
    case Section::kChain:
      return "chain";
    case Section::kCommitments:
    case Section::kChainCommitments:
      return "t";
    case Section::kResponses:
    case Section::kBallotResponses:
      break;
  }
  return "";
}

/// u_i
Scalar ExponentOf(const Scalar& u, size_t i) {
  return DeriveScalar(
      {"shuffle-u", u.view(), base::Writer().U32(static_cast<uint32_t>(i)).bytes()});
}

Element FirstBase() { return Generators(kBases, 0, 1)[0]; }

std::string_view NameOf(Section section) {
  switch (section) {
    case Section::kOutputs:
      return "outputs";
    case Section::kPermutation:
      return "commitments to the permutation";
    case Section::kChain:
      return "chain";
    case Section::kCommitments:
      return "commitments";
    case Section::kChainCommitments:
      return "commitments of the chain";
    case Section::kResponses:
      return "responses";
    case Section::kBallotResponses:
      return "responses of the ballots";
  }
  return "";
}

/// "outputs, row 17, item 2: "
std::string PlaceOf(const MixLayout::Part& place, size_t item) {
  return base::Cat(NameOf(place.section), ", row ", place.first_row + item / place.columns,
                   ", item ", item % place.columns);
}

}  // namespace

MixLayout::MixLayout(size_t ballots, size_t width) {
  Check(width >= 1 && width <= kMaxWidth, "a mix of 1 to 1024 columns");
  Check(ballots <= std::numeric_limits<uint32_t>::max(), "too many ballots to mix");
  for (const Section section :
       {Section::kOutputs, Section::kPermutation, Section::kChain, Section::kCommitments,
        Section::kChainCommitments, Section::kResponses, Section::kBallotResponses}) {
    const bool one_row = section == Section::kCommitments || section == Section::kResponses;
    const size_t rows = one_row ? 1 : ballots;
    const size_t columns = Columns(section, width);
    const size_t rows_of_part = kMaxItems / columns;
    for (size_t first = 0; first < rows; first += rows_of_part) {
      parts_.push_back({section, first, std::min(rows_of_part, rows - first), columns});
    }
    if (section == Section::kOutputs) output_parts_ = parts_.size();
  }
}

std::string EncodeMixPart(const MixPart& part) {
  base::Writer out;
  for (const Point& point : part.points) out.Raw(point.view());
  for (const Scalar& scalar : part.scalars) out.Raw(scalar.view());
  return out.Take();
}

absl::StatusOr<MixPart> DecodeMixPart(const MixLayout::Part& place, std::string_view bytes) {
  if (bytes.size() != place.bytes()) {
    return base::Reject("mix.malformed",
                        base::Cat(NameOf(place.section), " from row ", place.first_row, ": ",
                                  bytes.size(), " bytes instead of ", place.bytes()));
  }
  base::Reader reader(bytes);
  MixPart part;
  if (place.scalars()) {
    for (size_t i = 0; i < place.items(); ++i) {
      const auto scalar = Scalar::Decode(reader.Raw(32));
      if (!scalar.ok()) return base::Annotate(scalar.status(), PlaceOf(place, i));
      part.scalars.push_back(*scalar);
    }
    return part;
  }
  std::vector<base::Bytes32> encoded(place.items());
  for (base::Bytes32& item : encoded) item = reader.Fixed<32>();
  part.points.resize(place.items());
  std::vector<Element> elements(place.items());
  const auto valid = std::make_unique<bool[]>(place.items());
  Point::DecodeMany(encoded, part.points, elements, {valid.get(), place.items()});
  for (size_t i = 0; i < place.items(); ++i) {
    const bool must_bind = place.section == Section::kOutputs && i % place.columns == 0;
    if (valid[i] && !(must_bind && part.points[i].IsIdentity())) continue;
    // For its message.
    const std::string_view item = base::View(encoded[i]);
    const auto error = must_bind ? Point::DecodeNonIdentity(item) : Point::Decode(item);
    return base::Annotate(error.status(), PlaceOf(place, i));
  }
  return part;
}

namespace {

/// Fills the parts of a layout one after another.
class PartWriter {
 public:
  PartWriter(const MixLayout& layout, const MixPartSink& sink) : layout_(layout), sink_(sink) {}

  absl::Status Put(const Point& point) {
    part_.points.push_back(point);
    return Send();
  }
  absl::Status Put(const Scalar& scalar) {
    part_.scalars.push_back(scalar);
    return Send();
  }

 private:
  absl::Status Send() {
    if (part_.points.size() + part_.scalars.size() < layout_.part(next_).items()) {
      return absl::OkStatus();
    }
    ++next_;
    return sink_(EncodeMixPart(std::exchange(part_, {})));
  }

  const MixLayout& layout_;
  const MixPartSink& sink_;
  size_t next_ = 0;
  MixPart part_;
};

/// Uniform and wiped. An order of 0 .. n-1.
class SecretOrder {
 public:
  /// Fisher and Yates's shuffle.
  static SecretOrder Random(size_t n) {
    SecretOrder out(n);
    for (size_t i = 0; i < n; ++i) out.order_[i] = static_cast<uint32_t>(i);
    for (size_t i = n; i > 1; --i) {
      std::swap(out.order_[i - 1], out.order_[randombytes_uniform(static_cast<uint32_t>(i))]);
    }
    return out;
  }
  SecretOrder(SecretOrder&&) = default;
  ~SecretOrder() { sodium_memzero(order_.data(), order_.size() * sizeof(uint32_t)); }

  SecretOrder Inverse() const {
    SecretOrder out(order_.size());
    for (size_t i = 0; i < order_.size(); ++i) out.order_[order_[i]] = static_cast<uint32_t>(i);
    return out;
  }
  uint32_t operator[](size_t i) const { return order_[i]; }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(order_.data()), order_.size() * sizeof(uint32_t)};
  }

 private:
  explicit SecretOrder(size_t n) : order_(n) {}
  std::vector<uint32_t> order_;
};

std::vector<SecretScalar> Nonces(Hedge& hedge, size_t count) {
  std::vector<SecretScalar> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(hedge.Next());
  return out;
}

/// One mix while it is made. Indices: i counts outputs, j inputs; output i is input order[i].
class Mixer {
 public:
  Mixer(const MixStatement& statement, const VectorList& inputs, const MixPartSink& sink)
      : inputs_(inputs),
        size_(inputs.size()),
        layout_(inputs.size(), inputs.width),
        writer_(layout_, sink),
        transcript_(BeginTranscript(statement, inputs)),
        order_(SecretOrder::Random(inputs.size())) {
    column_tables_.push_back(Table::OfBase());
    for (const Point& key : statement.keys) column_tables_.emplace_back(ToElement(key));
    outputs_.points.reserve(inputs.points.size());
    u_out_.reserve(size_);
    chain_commitments_.reserve(size_);
  }

  absl::StatusOr<VectorList> Run() && {
    {
      Hedge hedge(transcript_, {order_.bytes()});
      r_out_ = Nonces(hedge, size_);
      r_ = Nonces(hedge, size_);
    }
    URNA_RETURN_IF_ERROR(MakeOutputs());
    bases_ = Generators(kBases, 1, size_);
    URNA_RETURN_IF_ERROR(CommitToPermutation());
    const Scalar u = transcript_.Challenge("u");
    SumExponents(u);
    DrawNonces();
    URNA_RETURN_IF_ERROR(MakeChain());
    URNA_RETURN_IF_ERROR(CommitToSums());
    const Scalar x = transcript_.Challenge("x");
    URNA_RETURN_IF_ERROR(Respond(x));
    return std::move(outputs_);
  }

 private:
  absl::Status Append(Section section, const Point& point) {
    transcript_.Append(LabelOf(section), point);
    return writer_.Put(point);
  }

  /// R' = R + r' G, C'_k = C_k + r' K_k.
  absl::Status MakeOutputs() {
    const size_t columns = inputs_.columns();
    outputs_.width = inputs_.width;
    for (size_t first = 0; first < size_; first += kMixRows) {
      const size_t rows = std::min(kMixRows, size_ - first);
      std::vector<Point> taken;
      for (size_t i = first; i < first + rows; ++i) {
        const auto row = inputs_.points.begin() + static_cast<ptrdiff_t>(order_[i] * columns);
        taken.insert(taken.end(), row, row + static_cast<ptrdiff_t>(columns));
      }
      const std::vector<Element> elements = ToElements(taken);
      // Column by column, so that sums over the same base stand together.
      std::vector<Product> products;
      for (const Table& table : column_tables_) {
        for (size_t i = first; i < first + rows; ++i) products.push_back({&table, &r_out_[i]});
      }
      const std::vector<SecretElement> added = consttime::Sums(products, 1);
      std::vector<SecretElement> outputs;
      for (size_t i = 0; i < rows; ++i) {
        for (size_t k = 0; k < columns; ++k) {
          outputs.push_back(added[k * rows + i] + elements[i * columns + k]);
        }
      }
      for (const Point& point : SecretElement::Publish(outputs)) {
        outputs_.points.push_back(point);
        URNA_RETURN_IF_ERROR(Append(Section::kOutputs, point));
      }
    }
    return absl::OkStatus();
  }

  /// c_j = r_j G + h_(i+1) where j = order[i].
  absl::Status CommitToPermutation() {
    const SecretOrder inverse = order_.Inverse();
    for (size_t first = 0; first < size_; first += kMixRows) {
      const size_t rows = std::min(kMixRows, size_ - first);
      std::vector<Product> products;
      for (size_t j = first; j < first + rows; ++j) products.push_back({&Table::OfBase(), &r_[j]});
      std::vector<SecretElement> sums = consttime::Sums(products, 1);
      for (size_t j = 0; j < rows; ++j) sums[j] = sums[j] + bases_[inverse[first + j]];
      for (const Point& c : SecretElement::Publish(sums)) {
        URNA_RETURN_IF_ERROR(Append(Section::kPermutation, c));
      }
    }
    return absl::OkStatus();
  }

  /// u'_i, and the sums that answer for t1, t3 and t4.
  void SumExponents(const Scalar& u) {
    std::vector<Scalar> exponents;
    exponents.reserve(size_);
    for (size_t j = 0; j < size_; ++j) {
      exponents.push_back(ExponentOf(u, j));
      sum_r_ = sum_r_ + r_[j];
      sum_ru_ = sum_ru_ + r_[j] * exponents[j];
    }
    for (size_t i = 0; i < size_; ++i) {
      u_out_.push_back(SecretScalar::From(exponents[order_[i]]));
      sum_out_ = sum_out_ + r_out_[i] * u_out_[i];
    }
  }

  void DrawNonces() {
    std::vector<std::string_view> witness = {order_.bytes()};
    for (size_t i = 0; i < size_; ++i) {
      witness.push_back(base::View(r_out_[i].Expose()));
      witness.push_back(base::View(r_[i].Expose()));
    }
    Hedge hedge(transcript_, witness);
    r_chain_ = Nonces(hedge, size_);
    omega_ = Nonces(hedge, 4);
    omega_chain_ = Nonces(hedge, size_);
    omega_out_ = Nonces(hedge, size_);
  }

  /// chain_i and t^_i, all as multiples of G and h_0: chain_i = alpha_i G + beta_i h_0.
  absl::Status MakeChain() {
    const Table h0(FirstBase());
    SecretScalar alpha, beta = SecretScalar::FromU64(1);
    for (size_t first = 0; first < size_; first += kMixRows) {
      const size_t rows = std::min(kMixRows, size_ - first);
      std::vector<SecretScalar> factors;  // of G and of h_0
      for (size_t i = first; i < first + rows; ++i) {
        factors.push_back(omega_chain_[i] + omega_out_[i] * alpha);
        factors.push_back(omega_out_[i] * beta);
        alpha = r_chain_[i] + u_out_[i] * alpha;
        beta = u_out_[i] * beta;
        factors.push_back(alpha.Clone());
        factors.push_back(beta.Clone());
      }
      std::vector<Product> products;
      for (size_t f = 0; f < factors.size(); f += 2) {
        products.push_back({&Table::OfBase(), &factors[f]});
        products.push_back({&h0, &factors[f + 1]});
      }
      const std::vector<Point> points = SecretElement::Publish(consttime::Sums(products, 2));
      for (size_t i = 0; i < rows; ++i) {
        chain_commitments_.push_back(points[2 * i]);
        URNA_RETURN_IF_ERROR(Append(Section::kChain, points[2 * i + 1]));
      }
    }
    sum_chain_ = std::move(alpha);
    return absl::OkStatus();
  }

  /// t1 .. t4, and t^_i.
  absl::Status CommitToSums() {
    const size_t columns = inputs_.columns();
    SecretScalar minus_omega4 = SecretScalar() - omega_[3];
    std::vector<Product> products;
    for (size_t n = 0; n < 3; ++n) products.push_back({&Table::OfBase(), &omega_[n]});
    for (const Table& table : column_tables_) products.push_back({&table, &minus_omega4});
    std::vector<SecretElement> sums = consttime::Sums(products, 1);
    for (size_t first = 0; first < size_; first += kMixRows) {
      const size_t rows = std::min(kMixRows, size_ - first);
      const std::span<const SecretScalar> omegas(&omega_out_[first], rows);
      const std::vector<Element> outputs = ToElements(
          std::span<const Point>(outputs_.points).subspan(first * columns, rows * columns));
      sums[2] = sums[2] +
                consttime::MultiMul(omegas, std::span<const Element>(bases_).subspan(first, rows));
      for (size_t k = 0; k < columns; ++k) {
        std::vector<Element> column;
        for (size_t i = 0; i < rows; ++i) column.push_back(outputs[i * columns + k]);
        sums[3 + k] = sums[3 + k] + consttime::MultiMul(omegas, column);
      }
    }
    for (const Point& t : SecretElement::Publish(sums)) {
      URNA_RETURN_IF_ERROR(Append(Section::kCommitments, t));
    }
    for (const Point& t : chain_commitments_) {
      URNA_RETURN_IF_ERROR(Append(Section::kChainCommitments, t));
    }
    return absl::OkStatus();
  }

  absl::Status Respond(const Scalar& x) {
    const std::array<const SecretScalar*, 4> sums = {&sum_r_, &sum_chain_, &sum_ru_, &sum_out_};
    for (size_t n = 0; n < sums.size(); ++n) {
      URNA_RETURN_IF_ERROR(writer_.Put((omega_[n] + *sums[n] * x).Publish()));
    }
    for (size_t i = 0; i < size_; ++i) {
      URNA_RETURN_IF_ERROR(writer_.Put((omega_chain_[i] + r_chain_[i] * x).Publish()));
      URNA_RETURN_IF_ERROR(writer_.Put((omega_out_[i] + u_out_[i] * x).Publish()));
    }
    return absl::OkStatus();
  }

  const VectorList& inputs_;
  const size_t size_;
  const MixLayout layout_;
  PartWriter writer_;
  Transcript transcript_;
  const SecretOrder order_;
  std::vector<Table> column_tables_;  // of G, K_1 .. K_w
  std::vector<Element> bases_;        // h_1 .. h_N
  VectorList outputs_;
  std::vector<Point> chain_commitments_;
  // By output: r'_order(i), u'_i, r^_i, and the nonces of s^_i and s'_i. By input: r_j.
  std::vector<SecretScalar> r_out_, u_out_, r_chain_, omega_chain_, omega_out_, r_, omega_;
  SecretScalar sum_r_, sum_chain_, sum_ru_, sum_out_;
};

}  // namespace

absl::StatusOr<VectorList> Mix(const MixStatement& statement, const VectorList& inputs,
                               const MixPartSink& sink) {
  CheckStatement(statement, inputs);
  for (const Point& key : statement.keys) {
    if (!key.IsIdentity()) continue;
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "a key is the identity: it would encrypt nothing");
  }
  return Mixer(statement, inputs, sink).Run();
}

MixVerifier::MixVerifier(const MixStatement& statement, const VectorList& inputs)
    : statement_(statement),
      inputs_(inputs),
      layout_(inputs.size(), inputs.width),
      transcript_(BeginTranscript(statement, inputs)) {
  CheckStatement(statement, inputs);
  outputs_.width = inputs.width;
  outputs_.points.reserve(inputs.points.size());
  for (std::vector<Point>* const points : {&c_, &chain_, &chain_commitments_}) {
    points->reserve(inputs.size());
  }
}

std::string MixVerifier::Where() const {
  return base::Cat("contest ", statement_.contest, ", mixer ", statement_.mixer);
}

absl::Status MixVerifier::Add(std::string_view part) {
  if (next_part_ == layout_.part_count()) {
    return base::Reject("mix.malformed", base::Cat(Where(), ": a part after the last"));
  }
  const MixLayout::Part& place = layout_.part(next_part_);
  auto decoded = DecodeMixPart(place, part);
  if (!decoded.ok()) {
    return base::Annotate(decoded.status(), base::Cat(Where(), ", part ", next_part_));
  }
  ++next_part_;
  switch (place.section) {
    case Section::kResponses:
      AddResponses(decoded->scalars);
      break;
    case Section::kBallotResponses:
      AddBallotResponses(place.first_row, decoded->scalars);
      break;
    case Section::kOutputs:
    case Section::kPermutation:
    case Section::kChain:
    case Section::kCommitments:
    case Section::kChainCommitments:
      AddCommitments(place.section, decoded->points);
      break;
  }
  return absl::OkStatus();
}

void MixVerifier::AddCommitments(Section section, std::span<const Point> points) {
  // A mix of nothing has no part of the chain.
  if (section >= Section::kChain && !u_.has_value()) u_ = transcript_.Challenge("u");
  std::vector<Point>* const kept = section == Section::kOutputs       ? &outputs_.points
                                   : section == Section::kPermutation ? &c_
                                   : section == Section::kChain       ? &chain_
                                   : section == Section::kCommitments ? &commitments_
                                                                      : &chain_commitments_;
  for (const Point& point : points) transcript_.Append(LabelOf(section), point);
  kept->insert(kept->end(), points.begin(), points.end());
}

void MixVerifier::AddResponses(std::span<const Scalar> scalars) {
  x_ = transcript_.Challenge("x");
  responses_.assign(scalars.begin(), scalars.end());
  // All commitments are in; the responses to come are checked by weights that nobody else sees.
  weights_ = vartime::Batch::Weights(3 + inputs_.columns());
}

void MixVerifier::AddBallotResponses(size_t first, std::span<const Scalar> scalars) {
  const size_t columns = inputs_.columns();
  const size_t most = std::max<size_t>(1, kVerifyTerms / (2 * columns + 4));
  const Scalar &w1 = weights_[0], &w3 = weights_[2];
  const Scalar x_w1 = *x_ * w1, x_w3 = *x_ * w3;
  for (size_t done = 0; 2 * done < scalars.size(); done += most) {
    const size_t from = first + done;
    const size_t rows = std::min(most, scalars.size() / 2 - done);
    const std::vector<Scalar> chain_weights = vartime::Batch::Weights(rows);
    std::vector<Scalar> of_inputs, of_outputs, of_c, of_bases, of_chain(rows + 1);
    // t1 + x (sum c_i - sum h_(i+1)) - s1 G; t3 + x sum u_i c_i - s3 G - sum s'_i h_(i+1);
    // t4 + x sum u_i e_i + s4 (G, K) - sum s'_i e'_i; t^_i + x chain_i - s^_i G - s'_i chain_(i-1).
    for (size_t i = 0; i < rows; ++i) {
      const Scalar u = ExponentOf(*u_, from + i);
      const Scalar &s_chain = scalars[2 * (done + i)], &s_out = scalars[2 * (done + i) + 1];
      product_ = product_ * u;
      const Scalar x_u = *x_ * u, minus_s = -s_out;
      for (size_t k = 0; k < columns; ++k) {
        of_inputs.push_back(weights_[3 + k] * x_u);
        of_outputs.push_back(weights_[3 + k] * minus_s);
      }
      of_c.push_back(x_w1 + x_w3 * u);
      of_bases.push_back(w3 * minus_s - x_w1);
      base_ = base_ - chain_weights[i] * s_chain;
      of_chain[i] = of_chain[i] + chain_weights[i] * minus_s;
      of_chain[i + 1] = chain_weights[i] * *x_;
    }
    std::vector<Scalar> all;
    std::vector<Element> elements;
    const auto add = [&](std::span<const Scalar> factors, const std::vector<Element>& of) {
      all.insert(all.end(), factors.begin(), factors.end());
      elements.insert(elements.end(), of.begin(), of.end());
    };
    const auto rows_of = [&](const std::vector<Point>& points, size_t each) {
      return ToElements(std::span<const Point>(points).subspan(from * each, rows * each));
    };
    add(of_inputs, rows_of(inputs_.points, columns));
    add(of_outputs, rows_of(outputs_.points, columns));
    add(of_c, rows_of(c_, 1));
    add(of_bases, Generators(kBases, 1 + from, rows));
    add(chain_weights, rows_of(chain_commitments_, 1));
    add({of_chain.data(), 1}, {from == 0 ? FirstBase() : ToElement(chain_[from - 1])});
    add({of_chain.data() + 1, rows}, rows_of(chain_, 1));
    sum_ += vartime::MultiMul(all, elements);
  }
}

absl::StatusOr<VectorList> MixVerifier::Finish() && {
  if (next_part_ != layout_.part_count()) {
    return base::Reject("mix.incomplete",
                        base::Cat(Where(), ": ", next_part_, " parts of ", layout_.part_count()));
  }
  const Scalar &w1 = weights_[0], &w2 = weights_[1], &w3 = weights_[2];
  const std::span<const Scalar> w4 = std::span<const Scalar>(weights_).subspan(3);
  // t2 + x (chain_(N-1) - product h_0) - s2 G, and what the other sums have besides their rows.
  std::vector<Scalar> all(weights_);
  std::vector<Element> elements = ToElements(commitments_);
  const Element h0 = FirstBase();
  all.push_back(*x_ * w2);
  elements.push_back(chain_.empty() ? h0 : ToElement(chain_.back()));
  all.push_back(-(*x_ * w2 * product_));
  elements.push_back(h0);
  for (size_t k = 0; k < statement_.keys.size(); ++k) {
    all.push_back(w4[1 + k] * responses_[3]);
    elements.push_back(ToElement(statement_.keys[k]));
  }
  all.push_back(base_ + w4[0] * responses_[3] - w1 * responses_[0] - w2 * responses_[1] -
                w3 * responses_[2]);
  elements.push_back(Element::Base());
  sum_ += vartime::MultiMul(all, elements);
  if (!sum_.IsIdentity()) {
    return base::Reject("mix.proof-invalid",
                        base::Cat(Where(), ": the outputs were not proven to be the inputs"));
  }
  return std::move(outputs_);
}

}  // namespace urna::crypto
