#pragma once

#include <string>

#include "poll/payload.h"
#include "poll/state.h"

namespace urna::poll {

/// Whether officials approve records of this kind.
bool IsOfficialStep(RecordKind kind);

/// What a step is about beside its kind: two different steps of one kind and subject compete, since
/// at most one of them makes sense (two ends, two reasons, two counts of one style's paper). Empty
/// where the kind says it all; for `defined` every text is a subject of its own.
std::string StepSubject(const Payload& step);

/// What an official signs to take back an approval that is not on the ledger yet.
std::string WithdrawalMessage(const crypto::Ed25519Signature& approval);

/// Whether the phase allows a step of officials of this kind at all. What the step says, and who
/// approved it, is judged by State::Apply.
bool PhaseAllows(Phase phase, RecordKind kind);

}  // namespace urna::poll
