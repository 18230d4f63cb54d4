#include "poll/step.h"

#include "base/bytes.h"
#include "base/codec.h"

namespace urna::poll {

bool IsOfficialStep(RecordKind kind) {
  switch (kind) {
    case RecordKind::kDefined:
    case RecordKind::kRollSealed:
    case RecordKind::kOpened:
    case RecordKind::kPaused:
    case RecordKind::kResumed:
    case RecordKind::kExtended:
    case RecordKind::kCredentialReplaced:
    case RecordKind::kClosed:
    case RecordKind::kRegisterMissing:
    case RecordKind::kLot:
    case RecordKind::kPaperCounted:
    case RecordKind::kCertified:
    case RecordKind::kCancelled:
      return true;
    case RecordKind::kDefinitionPart:
    case RecordKind::kRollPart:
    case RecordKind::kIssuerJoined:
    case RecordKind::kTrusteeJoined:
    case RecordKind::kDealt:
    case RecordKind::kConfirmed:
    case RecordKind::kComplained:
    case RecordKind::kBallotCast:
    case RecordKind::kIssuanceCounted:
    case RecordKind::kEnded:
    case RecordKind::kRegisterPart:
    case RecordKind::kRegisterSealed:
    case RecordKind::kMixPart:
    case RecordKind::kMixProofPart:
    case RecordKind::kDecryptionPart:
    case RecordKind::kLossAccepted:
      return false;
  }
  return false;
}

namespace {

struct Subject {
  std::string operator()(const Defined& p) const { return std::string(base::View(p.sha256)); }
  std::string operator()(const CredentialReplaced& p) const {
    return std::string(p.old_credential.view());
  }
  std::string operator()(const RegisterMissing& p) const { return std::to_string(p.issuer); }
  std::string operator()(const PaperCounted& p) const { return std::to_string(p.style); }
  template <typename T>
  std::string operator()(const T&) const {
    return "";
  }
};

}  // namespace

std::string StepSubject(const Payload& step) { return std::visit(Subject{}, step); }

std::string WithdrawalMessage(const crypto::Ed25519Signature& approval) {
  base::Writer w;
  w.Frame("urna/v1").Frame("withdraw").Frame(base::View(approval));
  return w.Take();
}

bool PhaseAllows(Phase phase, RecordKind kind) {
  switch (kind) {
    case RecordKind::kDefined:
      return phase == Phase::kEmpty;
    case RecordKind::kRollSealed:
      return phase == Phase::kRoll;
    case RecordKind::kOpened:
      return phase == Phase::kReady;
    case RecordKind::kPaused:
      return phase == Phase::kOpen;
    case RecordKind::kResumed:
      return phase == Phase::kPaused;
    case RecordKind::kExtended:
    case RecordKind::kCredentialReplaced:
      return phase == Phase::kOpen || phase == Phase::kPaused;
    case RecordKind::kClosed:
      return phase == Phase::kEnded;
    case RecordKind::kRegisterMissing:
    case RecordKind::kLot:
    case RecordKind::kPaperCounted:
    case RecordKind::kCertified:
      return phase == Phase::kClosed;
    case RecordKind::kCancelled:
      return phase != Phase::kEmpty && phase != Phase::kDefining && phase != Phase::kCertified &&
             phase != Phase::kCancelled;
    case RecordKind::kDefinitionPart:
    case RecordKind::kRollPart:
    case RecordKind::kIssuerJoined:
    case RecordKind::kTrusteeJoined:
    case RecordKind::kDealt:
    case RecordKind::kConfirmed:
    case RecordKind::kComplained:
    case RecordKind::kBallotCast:
    case RecordKind::kIssuanceCounted:
    case RecordKind::kEnded:
    case RecordKind::kRegisterPart:
    case RecordKind::kRegisterSealed:
    case RecordKind::kMixPart:
    case RecordKind::kMixProofPart:
    case RecordKind::kDecryptionPart:
    case RecordKind::kLossAccepted:
      return false;
  }
  return false;
}

}  // namespace urna::poll
