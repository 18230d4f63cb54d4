#include "poll/payload.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::poll {
namespace {

using base::Reader;
using base::Writer;

constexpr size_t kMaxReasonBytes = 4096;
constexpr size_t kMaxCertificateBytes = 60000;
constexpr size_t kItemBytes = 32;  // a point or a scalar
constexpr size_t kSignatureBytes = sizeof(crypto::Ed25519Signature);

// --- Writing ---

void Put(Writer& w, const Point& point) { w.Raw(point.view()); }
void Put(Writer& w, const Scalar& scalar) { w.Raw(scalar.view()); }

void PutApprovals(Writer& w, const Approvals& approvals) {
  w.U8(static_cast<uint8_t>(approvals.size()));
  for (const Approval& approval : approvals) w.U8(approval.official).Raw(approval.signature);
}

void PutRollEntry(Writer& w, const RollEntry& entry) {
  Put(w, entry.credential);
  w.U16(entry.style);
}

void PutRegisterEntry(Writer& w, const RegisterEntry& entry) {
  Put(w, entry.credential);
  w.U16(entry.style);
  Put(w, entry.offer.A);
  Put(w, entry.offer.C);
  Put(w, entry.c);
  Put(w, entry.answer.s);
  Put(w, entry.answer.y);
  Put(w, entry.answer.t);
  Put(w, entry.signature.U);
  Put(w, entry.signature.z);
}

void PutShare(Writer& w, const crypto::DecryptionShare& share) {
  for (const Point& D : share.D) Put(w, D);
  Put(w, share.U);
  Put(w, share.V);
  Put(w, share.z);
}

struct BodyWriter {
  Writer w;

  void operator()(const Defined& p) { w.U32(p.length).Raw(p.sha256); }
  void operator()(const DefinitionPart& p) { w.Raw(p.text); }
  void operator()(const RollPart& p) {
    for (const RollEntry& entry : p.entries) PutRollEntry(w, entry);
  }
  void operator()(const RollSealed& p) { w.U64(p.count).Raw(p.parts_sha256).Raw(p.persons_sha256); }
  void operator()(const IssuerJoined& p) {
    w.U8(p.issuer);
    Put(w, p.X);
    Put(w, p.possession.U);
    Put(w, p.possession.z);
  }
  void operator()(const TrusteeJoined& p) {
    w.U8(p.trustee).Raw(p.seal_key).Raw(p.deal_commitment);
  }
  void operator()(const Dealt& p) {
    w.U8(p.trustee);
    for (const auto& row : p.deal.F) {
      for (const Point& point : row) Put(w, point);
    }
    Put(w, p.deal.U);
    Put(w, p.deal.z);
    for (const std::string& sealed : p.sealed) w.Raw(sealed);
  }
  void operator()(const Confirmed& p) {
    w.U8(p.trustee);
    PutShare(w, p.self_test);
  }
  void operator()(const Complained& p) { w.U8(p.trustee).U8(p.dealer).Raw(p.seal_secret); }
  void operator()(const Opened&) {}
  void operator()(const BallotCast& p) { w.U16(p.style).Raw(p.ballot); }
  void operator()(const IssuanceCounted& p) {
    w.U8(p.issuer);
    for (const uint64_t tokens : p.tokens) w.U64(tokens);
  }
  void operator()(const Paused& p) { w.Frame(p.reason); }
  void operator()(const Resumed&) {}
  void operator()(const Extended& p) { w.U64(p.end).Frame(p.reason); }
  void operator()(const CredentialReplaced& p) {
    Put(w, p.old_credential);
    Put(w, p.new_credential);
  }
  void operator()(const Ended& p) { w.U64(p.end); }
  void operator()(const Closed&) {}
  void operator()(const RegisterPart& p) {
    w.U8(p.issuer);
    for (const RegisterEntry& entry : p.entries) PutRegisterEntry(w, entry);
  }
  void operator()(const RegisterSealed& p) { w.U8(p.issuer).U64(p.count).Raw(p.parts_sha256); }
  void operator()(const RegisterMissing& p) { w.U8(p.issuer).Frame(p.reason); }
  void operator()(const Lot& p) { w.Frame(p.outcome); }
  void operator()(const MixPart& p) { w.U8(p.trustee).U16(p.contest).U32(p.part).Raw(p.data); }
  void operator()(const DecryptionPart& p) {
    w.U8(p.trustee).U16(p.contest).U16(p.part).U16(p.parts).Raw(p.data);
  }
  void operator()(const PaperCounted& p) {
    w.U16(p.style).U64(p.cards);
    for (const auto& contest : p.votes) {
      for (const uint64_t votes : contest) w.U64(votes);
    }
  }
  void operator()(const Certified& p) { w.Frame(p.body); }
  void operator()(const Cancelled& p) { w.Frame(p.reason); }
  void operator()(const LossAccepted& p) {
    w.U64(p.size).Raw(p.root).U8(static_cast<uint8_t>(p.lost.size()));
    for (const std::string& note : p.lost) w.Frame(note);
    w.Frame(p.reason);
  }
};

// --- Reading ---

/// The points of entries that follow one another, decoded all at once: faster than one by one.
struct EntryPoints {
  /// `offsets`: where the points of an entry begin in its `entry_bytes` bytes, ascending. What
  /// follows the last whole entry is left out.
  EntryPoints(std::string_view entries, size_t entry_bytes, std::span<const size_t> offsets)
      : encoded(entries.size() / entry_bytes * offsets.size()),
        points(encoded.size()),
        elements(encoded.size()),
        valid(std::make_unique<bool[]>(encoded.size())) {
    for (size_t i = 0; i < encoded.size(); ++i) {
      const size_t at = i / offsets.size() * entry_bytes + offsets[i % offsets.size()];
      std::copy_n(base::Data(entries) + at, encoded[i].size(), encoded[i].begin());
    }
    Point::DecodeMany(encoded, points, elements, {valid.get(), encoded.size()});
  }
  std::vector<base::Bytes32> encoded;
  std::vector<Point> points;
  std::vector<crypto::vartime::Element> elements;
  std::unique_ptr<bool[]> valid;
};

/// Reads points and scalars, keeping the first verdict of strict decoding.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : r(bytes) {}
  /// With all that will be read by KeyPoint, in this order.
  Fields(std::string_view bytes, const EntryPoints& points) : r(bytes), points_(&points) {}

  Point AnyPoint(std::string_view name) { return Take<Point>(Point::Decode, name); }
  Point KeyPoint(std::string_view name) {
    const size_t i = next_point_++;
    const bool known = points_ != nullptr && i < points_->points.size() && points_->valid[i] &&
                       !points_->points[i].IsIdentity();
    if (!known) return Take<Point>(Point::DecodeNonIdentity, name);
    r.Raw(32);
    return points_->points[i];
  }
  Scalar AnyScalar(std::string_view name) { return Take<Scalar>(Scalar::Decode, name); }

  Approvals ReadApprovals() {
    const uint8_t count = r.U8();
    Approvals approvals;
    for (uint8_t i = 0; i < count && r.ok(); ++i) {
      Approval approval;
      approval.official = r.U8();
      approval.signature = r.Fixed<64>();
      if (!approvals.empty() && approval.official <= approvals.back().official) {
        r.Fail("officials not in ascending order");
      }
      approvals.push_back(approval);
    }
    return approvals;
  }

  crypto::Ed25519Signature Signature() { return r.Fixed<kSignatureBytes>(); }

  std::string DataBeforeSignature() {
    const size_t rest = r.remaining();
    if (rest < kSignatureBytes) r.Fail("too short for its signature");
    return std::string(r.Raw(rest - std::min(rest, kSignatureBytes)));
  }

  std::string Text(size_t max) {
    const std::string_view text = r.Frame(max);
    if (!base::IsUtf8(text)) r.Fail("a text that is not UTF-8");
    return std::string(text);
  }

  absl::Status Finish() const {
    URNA_RETURN_IF_ERROR(verdict_);
    return r.Finish();
  }

  Reader r;

 private:
  template <typename T, typename F>
  T Take(F decode, std::string_view name) {
    const std::string_view raw = r.Raw(32);
    if (!r.ok() || !verdict_.ok()) return T();
    absl::StatusOr<T> value = decode(raw);
    if (value.ok()) return *value;
    verdict_ = base::Annotate(value.status(), name);
    return T();
  }

  absl::Status verdict_;
  const EntryPoints* points_ = nullptr;
  size_t next_point_ = 0;
};

RollEntry ReadRollEntry(Fields& f) {
  RollEntry entry;
  entry.credential = f.KeyPoint("credential");
  entry.style = f.r.U16();
  return entry;
}

RegisterEntry ReadRegisterEntry(Fields& f) {
  RegisterEntry entry;
  entry.credential = f.KeyPoint("credential");
  entry.style = f.r.U16();
  entry.offer.A = f.KeyPoint("A");
  entry.offer.C = f.KeyPoint("C");
  entry.c = f.AnyScalar("c");
  entry.answer.s = f.AnyScalar("s");
  entry.answer.y = f.AnyScalar("y");
  entry.answer.t = f.AnyScalar("t");
  entry.signature.U = f.KeyPoint("U");
  entry.signature.z = f.AnyScalar("z");
  return entry;
}

crypto::DecryptionShare ReadShare(Fields& f, uint64_t ciphertexts, uint32_t slots) {
  crypto::DecryptionShare share;
  const uint64_t points = ciphertexts * slots;
  share.D.reserve(std::min<uint64_t>(points, f.r.remaining() / kItemBytes));
  for (uint64_t i = 0; i < points && f.r.ok(); ++i) share.D.push_back(f.AnyPoint("D"));
  share.U = f.KeyPoint("U");
  share.V = f.KeyPoint("V");
  share.z = f.AnyScalar("z");
  return share;
}

absl::StatusOr<Payload> ReadIssuerJoined(Fields f) {
  IssuerJoined p;
  p.issuer = f.r.U8();
  p.X = f.KeyPoint("X");
  p.possession.U = f.KeyPoint("U");
  p.possession.z = f.AnyScalar("z");
  p.signature = f.Signature();
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

absl::StatusOr<Payload> ReadDealt(Fields f, const Definition& definition) {
  Dealt p;
  p.trustee = f.r.U8();
  const uint32_t keys = definition.keys();
  for (uint32_t w = 0; w < keys; ++w) {
    auto& row = p.deal.F.emplace_back();
    for (uint32_t k = 0; k < definition.trustees_needed; ++k) {
      row.push_back(k == 0 ? f.KeyPoint("F") : f.AnyPoint("F"));
    }
  }
  p.deal.U = f.KeyPoint("U");
  p.deal.z = f.AnyScalar("z");
  for (size_t i = 0; i < definition.trustees.size(); ++i) {
    p.sealed.emplace_back(f.r.Raw(crypto::SealedSharesBytes(keys)));
  }
  p.signature = f.Signature();
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

absl::StatusOr<Payload> ReadBallotCast(Fields f, const Definition& definition) {
  BallotCast p;
  p.style = f.r.U16();
  if (f.r.ok() && p.style >= definition.styles.size()) {
    return base::Reject("ballot.style-unknown",
                        base::Cat("style ", p.style, " of ", definition.styles.size()));
  }
  p.ballot = std::string(f.r.Raw(f.r.remaining()));
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

absl::StatusOr<Payload> ReadPaperCounted(Fields f, const Definition& definition) {
  PaperCounted p;
  p.style = f.r.U16();
  p.cards = f.r.U64();
  if (f.r.ok() && p.style >= definition.styles.size()) {
    return base::Reject("paper.style-unknown",
                        base::Cat("style ", p.style, " of ", definition.styles.size()));
  }
  if (f.r.ok()) {
    for (const uint32_t contest : definition.styles[p.style].contests) {
      auto& votes = p.votes.emplace_back();
      for (size_t o = 0; o < definition.contests[contest].options.size(); ++o) {
        votes.push_back(f.r.U64());
      }
    }
  }
  p.approvals = f.ReadApprovals();
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

/// A payload that is `read(fields, p)` and then approvals.
template <typename T, typename F>
absl::StatusOr<Payload> ReadStep(std::string_view bytes, F read) {
  Fields f(bytes);
  T p;
  read(f, p);
  p.approvals = f.ReadApprovals();
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

/// A payload that is `read(fields, p)` and then one signature.
template <typename T, typename F>
absl::StatusOr<Payload> ReadSigned(std::string_view bytes, F read) {
  Fields f(bytes);
  T p;
  read(f, p);
  p.signature = f.Signature();
  URNA_RETURN_IF_ERROR(f.Finish());
  return p;
}

constexpr auto kNothing = [](Fields&, auto&) {};

constexpr auto ReadMixPart = [](Fields& f, MixPart& p) {
  p.trustee = f.r.U8();
  p.contest = f.r.U16();
  p.part = f.r.U32();
  p.data = f.DataBeforeSignature();
};

template <typename Part, typename Entry>
std::vector<Part> SplitEntries(const std::vector<Entry>& entries, size_t per_part) {
  std::vector<Part> parts;
  for (size_t start = 0; start < entries.size(); start += per_part) {
    Part& part = parts.emplace_back();
    const size_t end = std::min(start + per_part, entries.size());
    part.entries.assign(entries.begin() + static_cast<ptrdiff_t>(start),
                        entries.begin() + static_cast<ptrdiff_t>(end));
  }
  return parts;
}

}  // namespace

std::string KindName(uint8_t kind) {
  switch (static_cast<RecordKind>(kind)) {
    case RecordKind::kDefined:
      return "defined";
    case RecordKind::kDefinitionPart:
      return "definition part";
    case RecordKind::kRollPart:
      return "roll part";
    case RecordKind::kRollSealed:
      return "roll sealed";
    case RecordKind::kIssuerJoined:
      return "issuer joined";
    case RecordKind::kTrusteeJoined:
      return "trustee joined";
    case RecordKind::kDealt:
      return "dealt";
    case RecordKind::kConfirmed:
      return "confirmed";
    case RecordKind::kComplained:
      return "complained";
    case RecordKind::kOpened:
      return "opened";
    case RecordKind::kBallotCast:
      return "ballot cast";
    case RecordKind::kIssuanceCounted:
      return "issuance counted";
    case RecordKind::kPaused:
      return "paused";
    case RecordKind::kResumed:
      return "resumed";
    case RecordKind::kExtended:
      return "extended";
    case RecordKind::kCredentialReplaced:
      return "credential replaced";
    case RecordKind::kEnded:
      return "ended";
    case RecordKind::kClosed:
      return "closed";
    case RecordKind::kRegisterPart:
      return "register part";
    case RecordKind::kRegisterSealed:
      return "register sealed";
    case RecordKind::kRegisterMissing:
      return "register missing";
    case RecordKind::kLot:
      return "lot";
    case RecordKind::kMixPart:
      return "mix part";
    case RecordKind::kMixProofPart:
      return "mix proof part";
    case RecordKind::kDecryptionPart:
      return "decryption share";
    case RecordKind::kPaperCounted:
      return "paper counted";
    case RecordKind::kCertified:
      return "certified";
    case RecordKind::kCancelled:
      return "cancelled";
    case RecordKind::kLossAccepted:
      return "loss accepted";
  }
  return base::Cat("unknown kind ", kind);
}

RecordKind KindOf(const Payload& payload) {
  struct Visitor {
    RecordKind operator()(const Defined&) { return RecordKind::kDefined; }
    RecordKind operator()(const DefinitionPart&) { return RecordKind::kDefinitionPart; }
    RecordKind operator()(const RollPart&) { return RecordKind::kRollPart; }
    RecordKind operator()(const RollSealed&) { return RecordKind::kRollSealed; }
    RecordKind operator()(const IssuerJoined&) { return RecordKind::kIssuerJoined; }
    RecordKind operator()(const TrusteeJoined&) { return RecordKind::kTrusteeJoined; }
    RecordKind operator()(const Dealt&) { return RecordKind::kDealt; }
    RecordKind operator()(const Confirmed&) { return RecordKind::kConfirmed; }
    RecordKind operator()(const Complained&) { return RecordKind::kComplained; }
    RecordKind operator()(const Opened&) { return RecordKind::kOpened; }
    RecordKind operator()(const BallotCast&) { return RecordKind::kBallotCast; }
    RecordKind operator()(const IssuanceCounted&) { return RecordKind::kIssuanceCounted; }
    RecordKind operator()(const Paused&) { return RecordKind::kPaused; }
    RecordKind operator()(const Resumed&) { return RecordKind::kResumed; }
    RecordKind operator()(const Extended&) { return RecordKind::kExtended; }
    RecordKind operator()(const CredentialReplaced&) { return RecordKind::kCredentialReplaced; }
    RecordKind operator()(const Ended&) { return RecordKind::kEnded; }
    RecordKind operator()(const Closed&) { return RecordKind::kClosed; }
    RecordKind operator()(const RegisterPart&) { return RecordKind::kRegisterPart; }
    RecordKind operator()(const RegisterSealed&) { return RecordKind::kRegisterSealed; }
    RecordKind operator()(const RegisterMissing&) { return RecordKind::kRegisterMissing; }
    RecordKind operator()(const Lot&) { return RecordKind::kLot; }
    RecordKind operator()(const MixPart&) { return RecordKind::kMixPart; }
    RecordKind operator()(const MixProofPart&) { return RecordKind::kMixProofPart; }
    RecordKind operator()(const DecryptionPart&) { return RecordKind::kDecryptionPart; }
    RecordKind operator()(const PaperCounted&) { return RecordKind::kPaperCounted; }
    RecordKind operator()(const Certified&) { return RecordKind::kCertified; }
    RecordKind operator()(const Cancelled&) { return RecordKind::kCancelled; }
    RecordKind operator()(const LossAccepted&) { return RecordKind::kLossAccepted; }
  };
  return std::visit(Visitor{}, payload);
}

std::string PayloadBody(const Payload& payload) {
  BodyWriter writer;
  std::visit(writer, payload);
  return writer.w.Take();
}

std::string EncodePayload(const Payload& payload) {
  Writer w;
  w.Raw(PayloadBody(payload));
  std::visit(
      [&w](const auto& p) {
        if constexpr (requires { p.approvals; }) PutApprovals(w, p.approvals);
        if constexpr (requires { p.signature; }) w.Raw(p.signature);
      },
      payload);
  return w.Take();
}

absl::StatusOr<Payload> DecodePayload(uint8_t kind, std::string_view bytes,
                                      const Definition* definition) {
  if (definition == nullptr) {
    const auto known = static_cast<RecordKind>(kind);
    if (known == RecordKind::kDealt || known == RecordKind::kConfirmed ||
        known == RecordKind::kBallotCast || known == RecordKind::kIssuanceCounted ||
        known == RecordKind::kPaperCounted) {
      return base::Reject("record.out-of-order",
                          base::Cat(KindName(kind), " before the definition"));
    }
  }
  switch (static_cast<RecordKind>(kind)) {
    case RecordKind::kDefined:
      return ReadStep<Defined>(bytes, [](Fields& f, Defined& p) {
        p.length = f.r.U32();
        p.sha256 = f.r.Fixed<32>();
      });
    case RecordKind::kDefinitionPart:
      if (bytes.empty()) return base::Reject("record.malformed", "an empty definition part");
      return DefinitionPart{std::string(bytes)};
    case RecordKind::kRollPart: {
      if (bytes.empty()) return base::Reject("record.malformed", "an empty roll part");
      URNA_ASSIGN_OR_RETURN(auto entries, DecodeRollEntries(bytes));
      return RollPart{std::move(entries)};
    }
    case RecordKind::kRollSealed:
      return ReadStep<RollSealed>(bytes, [](Fields& f, RollSealed& p) {
        p.count = f.r.U64();
        p.parts_sha256 = f.r.Fixed<32>();
        p.persons_sha256 = f.r.Fixed<32>();
      });
    case RecordKind::kIssuerJoined:
      return ReadIssuerJoined(Fields(bytes));
    case RecordKind::kTrusteeJoined:
      return ReadSigned<TrusteeJoined>(bytes, [](Fields& f, TrusteeJoined& p) {
        p.trustee = f.r.U8();
        p.seal_key = f.r.Fixed<32>();
        p.deal_commitment = f.r.Fixed<32>();
      });
    case RecordKind::kDealt:
      return ReadDealt(Fields(bytes), *definition);
    case RecordKind::kConfirmed:
      return ReadSigned<Confirmed>(bytes, [&](Fields& f, Confirmed& p) {
        p.trustee = f.r.U8();
        p.self_test = ReadShare(f, 1, definition->keys());
      });
    case RecordKind::kComplained:
      return ReadSigned<Complained>(bytes, [](Fields& f, Complained& p) {
        p.trustee = f.r.U8();
        p.dealer = f.r.U8();
        p.seal_secret = f.r.Fixed<32>();
      });
    case RecordKind::kOpened:
      return ReadStep<Opened>(bytes, kNothing);
    case RecordKind::kBallotCast:
      return ReadBallotCast(Fields(bytes), *definition);
    case RecordKind::kIssuanceCounted:
      return ReadSigned<IssuanceCounted>(bytes, [&](Fields& f, IssuanceCounted& p) {
        p.issuer = f.r.U8();
        for (size_t s = 0; s < definition->styles.size(); ++s) p.tokens.push_back(f.r.U64());
      });
    case RecordKind::kPaused:
      return ReadStep<Paused>(bytes,
                              [](Fields& f, Paused& p) { p.reason = f.Text(kMaxReasonBytes); });
    case RecordKind::kResumed:
      return ReadStep<Resumed>(bytes, kNothing);
    case RecordKind::kExtended:
      return ReadStep<Extended>(bytes, [](Fields& f, Extended& p) {
        p.end = f.r.U64();
        p.reason = f.Text(kMaxReasonBytes);
      });
    case RecordKind::kCredentialReplaced:
      return ReadStep<CredentialReplaced>(bytes, [](Fields& f, CredentialReplaced& p) {
        p.old_credential = f.KeyPoint("old credential");
        p.new_credential = f.KeyPoint("new credential");
      });
    case RecordKind::kEnded:
      return ReadSigned<Ended>(bytes, [](Fields& f, Ended& p) { p.end = f.r.U64(); });
    case RecordKind::kClosed:
      return ReadStep<Closed>(bytes, kNothing);
    case RecordKind::kRegisterPart: {
      URNA_ASSIGN_OR_RETURN(RegisterPart part, DecodeRegisterPart(bytes));
      return part;
    }
    case RecordKind::kRegisterSealed:
      return ReadSigned<RegisterSealed>(bytes, [](Fields& f, RegisterSealed& p) {
        p.issuer = f.r.U8();
        p.count = f.r.U64();
        p.parts_sha256 = f.r.Fixed<32>();
      });
    case RecordKind::kRegisterMissing:
      return ReadStep<RegisterMissing>(bytes, [](Fields& f, RegisterMissing& p) {
        p.issuer = f.r.U8();
        p.reason = f.Text(kMaxReasonBytes);
      });
    case RecordKind::kLot:
      return ReadStep<Lot>(bytes, [](Fields& f, Lot& p) { p.outcome = f.Text(kMaxReasonBytes); });
    case RecordKind::kMixPart:
      return ReadSigned<MixPart>(bytes, ReadMixPart);
    case RecordKind::kMixProofPart:
      return ReadSigned<MixProofPart>(bytes, ReadMixPart);
    case RecordKind::kDecryptionPart:
      return ReadSigned<DecryptionPart>(bytes, [](Fields& f, DecryptionPart& p) {
        p.trustee = f.r.U8();
        p.contest = f.r.U16();
        p.part = f.r.U16();
        p.parts = f.r.U16();
        p.data = f.DataBeforeSignature();
      });
    case RecordKind::kPaperCounted:
      return ReadPaperCounted(Fields(bytes), *definition);
    case RecordKind::kCertified:
      return ReadStep<Certified>(bytes, [](Fields& f, Certified& p) {
        p.body = std::string(f.r.Frame(kMaxCertificateBytes));
      });
    case RecordKind::kCancelled:
      return ReadStep<Cancelled>(
          bytes, [](Fields& f, Cancelled& p) { p.reason = f.Text(kMaxReasonBytes); });
    case RecordKind::kLossAccepted:
      return ReadSigned<LossAccepted>(bytes, [](Fields& f, LossAccepted& p) {
        p.size = f.r.U64();
        p.root = f.r.Fixed<32>();
        const uint8_t lost = f.r.U8();
        if (lost == 0 || lost > kMaxLostCheckpoints) f.r.Fail("no lost checkpoint, or too many");
        for (uint8_t i = 0; i < lost && f.r.ok(); ++i) {
          p.lost.push_back(f.Text(kMaxLostCheckpointBytes));
        }
        p.reason = f.Text(kMaxReasonBytes);
      });
  }
  return base::Reject("record.kind-unknown", KindName(kind));
}

bool SignedWithoutRoot(RecordKind kind) {
  return kind == RecordKind::kPaused || kind == RecordKind::kResumed ||
         kind == RecordKind::kExtended || kind == RecordKind::kCredentialReplaced;
}

std::string OfficialMessage(RecordKind kind, const StepPlace& place, std::string_view body) {
  const bool rooted = !SignedWithoutRoot(kind);
  Writer w;
  w.Frame("urna/v1").Frame("official").Frame(base::View(place.poll));
  w.Frame(crypto::U64(static_cast<uint8_t>(kind))).Frame(crypto::U64(place.counter));
  w.Frame(rooted ? crypto::U64(place.size) : std::string());
  w.Frame(rooted ? base::View(place.root) : std::string_view());
  w.Frame(base::View(crypto::HashSha256(body)));
  return w.Take();
}

std::string ParticipantMessage(std::string_view role, RecordKind kind, const Hash32& poll,
                               uint64_t index, uint64_t counter, std::string_view body) {
  Writer w;
  w.Frame("urna/v1").Frame(role).Frame(base::View(poll));
  w.Frame(crypto::U64(static_cast<uint8_t>(kind))).Frame(crypto::U64(index));
  w.Frame(crypto::U64(counter)).Frame(base::View(crypto::HashSha256(body)));
  return w.Take();
}

std::vector<DefinitionPart> SplitDefinition(std::string_view json) {
  std::vector<DefinitionPart> parts;
  for (size_t start = 0; start < json.size(); start += ledger::kMaxPayloadBytes) {
    parts.push_back({std::string(json.substr(start, ledger::kMaxPayloadBytes))});
  }
  return parts;
}

std::vector<RollPart> SplitRoll(const std::vector<RollEntry>& entries) {
  return SplitEntries<RollPart>(entries, kRollEntriesPerPart);
}

std::vector<RegisterPart> SplitRegister(uint8_t issuer, const std::vector<RegisterEntry>& entries) {
  auto parts = SplitEntries<RegisterPart>(entries, kRegisterEntriesPerPart);
  for (RegisterPart& part : parts) part.issuer = issuer;
  return parts;
}

std::string EncodeRollEntries(const std::vector<RollEntry>& entries) {
  Writer w;
  for (const RollEntry& entry : entries) PutRollEntry(w, entry);
  return w.Take();
}

Hash32 PartsHash(const std::vector<Hash32>& part_hashes) {
  Writer w;
  for (const Hash32& hash : part_hashes) w.Raw(hash);
  return crypto::HashSha256(w.bytes());
}

absl::StatusOr<std::vector<RollEntry>> DecodeRollEntries(std::string_view bytes) {
  constexpr std::array<size_t, 1> kCredential = {0};
  const EntryPoints points(bytes, kRollEntryBytes, kCredential);
  Fields f(bytes, points);
  std::vector<RollEntry> entries;
  entries.reserve(bytes.size() / kRollEntryBytes);
  while (f.r.ok() && f.r.remaining() > 0) entries.push_back(ReadRollEntry(f));
  URNA_RETURN_IF_ERROR(f.Finish());
  return entries;
}

absl::StatusOr<RegisterPart> DecodeRegisterPart(std::string_view bytes,
                                                std::vector<crypto::vartime::Element>* elements) {
  // Behind the style: A, C, then c, s, y, t.
  constexpr std::array<size_t, kRegisterEntryPoints> kPoints = {0, 34, 66, 34 + 6 * 32};
  EntryPoints points(bytes.substr(std::min<size_t>(1, bytes.size())), kRegisterEntryBytes, kPoints);
  Fields f(bytes, points);
  RegisterPart p;
  p.issuer = f.r.U8();
  if (f.r.remaining() == 0) f.r.Fail("a register part without entries");
  p.entries.reserve(f.r.remaining() / kRegisterEntryBytes);
  while (f.r.ok() && f.r.remaining() > 0) p.entries.push_back(ReadRegisterEntry(f));
  URNA_RETURN_IF_ERROR(f.Finish());
  if (elements != nullptr) *elements = std::move(points.elements);
  return p;
}

namespace {

constexpr size_t kProofItems = 3;  // U, V, z

uint64_t RowsPerPart(uint32_t slots) {
  return (crypto::MixLayout::kMaxItems - kProofItems) / slots;
}

}  // namespace

uint64_t SharePartCount(uint64_t ciphertexts, uint32_t slots) {
  return (ciphertexts + RowsPerPart(slots) - 1) / RowsPerPart(slots);
}

size_t SharePartBytes(uint64_t ciphertexts, uint32_t slots, uint64_t part) {
  const uint64_t first = part * RowsPerPart(slots);
  const uint64_t rows = std::min(ciphertexts - first, RowsPerPart(slots));
  const bool last = first + rows == ciphertexts;
  return kItemBytes * static_cast<size_t>(rows * slots + (last ? kProofItems : 0));
}

std::string EncodeDecryptionShare(const crypto::DecryptionShare& share) {
  Writer w;
  PutShare(w, share);
  return w.Take();
}

std::vector<std::string> SplitDecryptionShare(const crypto::DecryptionShare& share,
                                              uint32_t slots) {
  const uint64_t ciphertexts = share.D.size() / slots;
  const std::string all = EncodeDecryptionShare(share);
  std::vector<std::string> parts;
  size_t at = 0;
  for (uint64_t p = 0; p < SharePartCount(ciphertexts, slots); ++p) {
    parts.push_back(all.substr(at, SharePartBytes(ciphertexts, slots, p)));
    at += parts.back().size();
  }
  return parts;
}

absl::StatusOr<crypto::DecryptionShare> DecodeDecryptionShare(std::string_view data,
                                                              uint64_t ciphertexts,
                                                              uint32_t slots) {
  Fields f(data);
  crypto::DecryptionShare share = ReadShare(f, ciphertexts, slots);
  URNA_RETURN_IF_ERROR(f.Finish());
  return share;
}

}  // namespace urna::poll
