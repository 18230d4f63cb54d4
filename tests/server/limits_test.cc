// Floods of one method, rates, and what a single call or connection may cost. ATTACKS 26.

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <list>

#include "ledger/record.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using std::chrono::seconds;

TEST(RateLimit, AdmitsTenSecondsWorthAtOnceAndThenTheRate) {
  FakeClock clock;
  clock.SetTicks(seconds(1000));
  RateLimit limit(5, clock);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(limit.Take().count(), 0) << i;
  EXPECT_EQ(limit.Take(), std::chrono::milliseconds(200));
  EXPECT_EQ(limit.Take(), std::chrono::milliseconds(200)) << "what is refused costs nothing";
  clock.SetTicks(seconds(1001));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Take().count(), 0) << i;
  EXPECT_NE(limit.Take().count(), 0);
  clock.SetTicks(seconds(5000));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(limit.Take().count(), 0) << i;
  EXPECT_NE(limit.Take().count(), 0) << "silence saves up no more than that";
}

TEST(RateLimit, ZeroIsNoLimit) {
  const FakeClock clock;
  RateLimit limit(0, clock);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(limit.Take().count(), 0);
}

/// A request that its method's threads work on, and how that ends.
struct Probe {
  std::string method;
  std::string request;
  grpc::StatusCode code = grpc::StatusCode::OK;
};

/// Calls a method that is known by its name only.
Outcome Call(TestServer& s, const std::string& method, const std::string& request,
             const std::function<void(grpc::ClientContext&)>& prepare = {},
             const std::shared_ptr<grpc::Channel>& channel = nullptr) {
  grpc::GenericStub stub(channel != nullptr ? channel : s.channel());
  grpc::ClientContext context;
  TestServer::SetDeadline(context);
  if (prepare) prepare(context);
  const grpc::Slice slice(request);
  grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  std::promise<grpc::Status> done;
  const size_t dot = method.find('.');
  stub.UnaryCall(&context, "/urna.v1." + method.substr(0, dot) + "/" + method.substr(dot + 1),
                 grpc::StubOptions(), &sent, &received,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  return TestServer::From(done.get_future().get(), context);
}
Outcome Call(TestServer& s, const Probe& probe) { return Call(s, probe.method, probe.request); }

/// One for each method. Opens the poll.
std::vector<Probe> Probes(TestServer& s) {
  s.RunUntilOpen();
  const std::string poll(base::View(s.poll()));
  std::vector<Probe> probes;
  const auto add = [&](std::string method, const auto& request,
                       grpc::StatusCode code = grpc::StatusCode::OK) {
    probes.push_back({std::move(method), request.SerializeAsString(), code});
  };
  const auto of_poll = [&](auto request) {
    request.set_poll(poll);
    return request;
  };

  const auto& info = s.InfoOf(1);
  auto begin = of_poll(v1::BeginRequest());
  begin.set_credential(std::string(s.election.voter(1).credential.V.view()));
  begin.set_signature(SignatureBytes(
      s.Sign(1, crypto::CredentialStatement::Begin(info.opening, info.style, info.X))));
  add("Issuing.Begin", begin);
  TestServer::Issuance issuance;
  EXPECT_TRUE(s.Begin(0, &issuance).ok());
  const v1::AnswerRequest answer = s.AnswerRequestFor(0, issuance);
  v1::AnswerResponse answered;
  EXPECT_TRUE(s.Answer(answer, &answered).ok());
  add("Issuing.Answer", answer);
  auto fetch = of_poll(v1::FetchRequest());
  fetch.set_credential(answer.credential());
  fetch.set_signature(SignatureBytes(
      s.Sign(0, crypto::CredentialStatement::Fetch(info.opening, info.style, info.X))));
  add("Issuing.Fetch", fetch);

  auto cast = of_poll(v1::CastRequest());
  cast.set_ballot(s.MakeBallot(2, 0));
  EXPECT_TRUE(s.Cast(cast.ballot()).ok());
  add("Casting.Cast", cast);

  v1::ApproveRequest approve;
  *approve.mutable_step() =
      s.MakeStep(poll::Extended{.end = s.end() + 60, .reason = "a flood", .approvals = {}}, 0);
  add("Officials.Approve", approve);
  // What nobody approved cannot be withdrawn.
  auto withdraw = of_poll(v1::WithdrawRequest());
  withdraw.set_kind(approve.step().kind());
  withdraw.set_body("no step");
  withdraw.set_official(approve.step().official());
  withdraw.set_signature(approve.step().signature());
  add("Officials.Withdraw", withdraw, grpc::StatusCode::NOT_FOUND);
  add("Officials.Pending", of_poll(v1::PendingRequest()));
  auto attachment = of_poll(v1::AttachmentRequest());
  attachment.set_kind(1);
  add("Officials.Attachment", attachment, grpc::StatusCode::NOT_FOUND);

  const auto payload_of = [&](poll::RecordKind kind) {
    const auto record = std::ranges::find_if(s.records, [kind](const std::string& bytes) {
      return bytes[1] == static_cast<char>(kind);
    });
    return ledger::DecodeRecord(*record)->payload;
  };
  auto submit = of_poll(v1::SubmitRequest());
  submit.set_kind(static_cast<uint32_t>(poll::RecordKind::kTrusteeJoined));
  submit.set_payload(payload_of(poll::RecordKind::kTrusteeJoined));
  add("Trustees.Submit", submit);

  v1::IssuerSubmission submission;
  auto& joined = *submission.mutable_record();
  joined.set_poll(poll);
  joined.set_kind(static_cast<uint32_t>(poll::RecordKind::kIssuerJoined));
  joined.set_payload(payload_of(poll::RecordKind::kIssuerJoined));
  add("Issuers.Submit", submission);

  add("Reading.Info", v1::InfoRequest());
  add("Reading.ListPolls", v1::ListPollsRequest());
  add("Reading.Status", of_poll(v1::StatusRequest()));
  add("Reading.Checkpoint", of_poll(v1::CheckpointRequest()));
  auto entries = of_poll(v1::EntriesRequest());
  entries.set_last(5);
  add("Reading.Entries", entries);
  auto revision = of_poll(v1::LastRevisionRequest());
  revision.set_ballot_key(std::string(s.election.voter(2).ballot_key.BK.view()));
  add("Reading.LastRevision", revision);
  EXPECT_EQ(probes.size(), MethodLimits().size());
  return probes;
}

TEST(Limits, EveryMethodHasItsOwn) {
  std::set<std::string_view> limited;
  for (const MethodLimit& limit : MethodLimits()) limited.insert(limit.method);
  std::set<std::string> declared;
  const auto* file = v1::InfoRequest::descriptor()->file();
  for (int i = 0; i < file->service_count(); ++i) {
    for (int j = 0; j < file->service(i)->method_count(); ++j) {
      declared.insert(file->service(i)->name() + "." + file->service(i)->method(j)->name());
    }
  }
  EXPECT_TRUE(std::ranges::equal(limited, declared));
}

TEST(Limits, AFloodOfOneMethodStarvesNoOther) {
  Gate gate;
  std::mutex mutex;
  std::string flooded;
  TestServer s(Small(3));
  for (const MethodLimit& limit : MethodLimits()) {
    s.settings.*limit.threads = 1;
    s.settings.*limit.queue = 1;
  }
  s.before_work = [&](std::string_view method) {
    {
      std::lock_guard guard(mutex);
      if (method != flooded) return;
    }
    gate.Pass();
  };
  const std::vector<Probe> probes = Probes(s);
  for (const Probe& victim : probes) {
    SCOPED_TRACE("a flood of " + victim.method);
    {
      std::lock_guard guard(mutex);
      flooded = victim.method;
    }
    gate.Close();
    std::list<std::future<Outcome>> flood;
    const auto send = [&] {
      flood.push_back(std::async(std::launch::async, [&] { return Call(s, victim); }));
    };
    send();
    gate.AwaitHeld(1);
    for (int i = 0; i < 3; ++i) send();
    // One is worked on, one waits, two are refused at once.
    int refused = 0;
    Await(
        [&] {
          std::erase_if(flood, [&](std::future<Outcome>& call) {
            if (call.wait_for(seconds(0)) != std::future_status::ready) return false;
            const Outcome outcome = call.get();
            EXPECT_EQ(outcome.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << outcome;
            EXPECT_EQ(outcome.message,
                      victim.method + " has 1 requests waiting; try again in 2 seconds");
            EXPECT_EQ(outcome.retry_after_ms, "2000");
            ++refused;
            return true;
          });
          return refused == 2;
        },
        "two refusals");
    for (const Probe& other : probes) {
      if (other.method == victim.method) continue;
      const Outcome outcome = Call(s, other);
      EXPECT_EQ(outcome.code, other.code) << other.method << ": " << outcome;
    }
    gate.Open();
    for (auto& call : flood) EXPECT_EQ(call.get().code, victim.code);
  }
}

TEST(Limits, WhatComesTooOftenIsRefusedBeforeAnyWork) {
  TestServer s(Small(3));
  std::mutex mutex;
  std::map<std::string, int, std::less<>> worked;
  s.before_work = [&](std::string_view method) {
    std::lock_guard guard(mutex);
    ++worked[std::string(method)];
  };
  const std::vector<Probe> probes = Probes(s);
  s.Stop();
  for (const MethodLimit& limit : MethodLimits()) s.settings.*limit.rate = 1;
  s.clock.SetTicks(seconds(0));
  s.Start();
  for (const Probe& probe : probes) {
    for (int i = 0; i < 10; ++i) {
      const Outcome outcome = Call(s, probe);
      EXPECT_EQ(outcome.code, probe.code) << probe.method << ": " << outcome;
    }
    const int before = worked[probe.method];
    const Outcome outcome = Call(s, probe);
    EXPECT_EQ(outcome.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << probe.method;
    EXPECT_EQ(outcome.message,
              probe.method + " comes more often than 1 times a second; try again in 1 second");
    EXPECT_EQ(outcome.retry_after_ms, "1000");
    EXPECT_EQ(worked[probe.method], before);
  }
}

TEST(Limits, OversizedAndMalformedMessagesAreRefusedByEveryMethod) {
  TestServer s(Small(3));
  for (const Probe& probe : Probes(s)) {
    SCOPED_TRACE(probe.method);
    const Outcome large = Call(s, probe.method, std::string(2 << 20, 'x'));
    EXPECT_EQ(large.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << large;
    EXPECT_NE(large.message.find("larger than max"), std::string::npos) << large;
    for (const std::string& malformed : {std::string("\x0a\xff"), std::string(1000, '\xff'),
                                         std::string("\x0a\x05"
                                                     "abc",
                                                     5)}) {
      const Outcome outcome = Call(s, probe.method, malformed);
      // gRPC's own answer, but where our code sees a stream that ends.
      const bool streams = probe.method == "Officials.Approve" || probe.method == "Issuers.Submit";
      EXPECT_EQ(outcome.code,
                streams ? grpc::StatusCode::INVALID_ARGUMENT : grpc::StatusCode::UNIMPLEMENTED)
          << outcome;
    }
    // What is small on the line may become large.
    const Outcome compressed =
        Call(s, probe.method, std::string(100'000, 'x'), [](grpc::ClientContext& context) {
          context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
        });
    EXPECT_EQ(compressed.code, grpc::StatusCode::UNIMPLEMENTED) << compressed;
    // gRPC may close the connection of who sends such headers.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const Outcome headers = Call(
        s, probe.method, probe.request,
        [](grpc::ClientContext& context) {
          context.AddMetadata("x-large", std::string(20'000, 'x'));
        },
        grpc::CreateCustomChannel(s.server().address(), grpc::InsecureChannelCredentials(), own));
    EXPECT_EQ(headers.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << headers;
    EXPECT_EQ(Call(s, probe).code, probe.code);
  }
}

TEST(Limits, ACallThatNeverSendsIsEndedAndItsPlaceGivenBack) {
  TestServer s(Small(3));
  s.settings.stream_seconds = 1;
  s.Start();
  struct Silent {
    grpc::ClientContext context;
    v1::ApproveResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::ApproveRequest>> stream;
  };
  std::list<Silent> silent(64);
  for (Silent& call : silent) call.stream = s.officials->Approve(&call.context, &call.response);
  for (Silent& call : silent) {
    EXPECT_EQ(call.stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // Whose call ends hears of it before its place is free; and a slow machine may need more than the
  // second that this call has, too.
  const auto another = [&] {
    Silent call;
    TestServer::SetDeadline(call.context);
    call.stream = s.officials->Approve(&call.context, &call.response);
    call.stream->WritesDone();
    return call.stream->Finish().error_code();
  };
  Await([&] { return another() == grpc::StatusCode::INVALID_ARGUMENT; }, "a place");
}

TEST(Limits, AReaderWhoDoesNotReadIsEndedAndThePlaceGivenBack) {
  TestServer s(Small(2));
  s.settings.stream_seconds = 3;  // enough for proposing
  s.Start();
  s.Define();
  // A roll larger than a chunk and what a stream buffers.
  std::vector<poll::RollEntry> entries;
  for (size_t i = 0; i < s.election.voter_count(); ++i) {
    entries.push_back({s.election.voter(i).credential.V, s.election.voter(i).style});
  }
  Point point = entries[0].credential;
  for (int i = 0; i < 12'000; ++i) {
    point = point + Point::Base();
    entries.push_back({point, 0});
  }
  std::ranges::sort(entries, {}, [](const poll::RollEntry& e) { return e.credential.view(); });
  poll::RollSealed sealed;
  sealed.count = entries.size();
  sealed.parts_sha256 = poll::PartsHashOf(poll::SplitRoll(entries));
  ASSERT_TRUE(s.Approve(sealed, 0, poll::EncodeRollEntries(entries)).ok());

  v1::AttachmentRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  request.set_kind(static_cast<uint32_t>(poll::RecordKind::kRollSealed));
  request.set_body(poll::PayloadBody(sealed));
  struct Reader {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::AttachmentChunk>> stream;
  };
  const auto read_on = [](Reader& reader) {
    v1::AttachmentChunk chunk;
    while (reader.stream->Read(&chunk)) {
    }
    return reader.stream->Finish().error_code();
  };
  // Their side buffers no more than it must.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65'535);
  const auto channel = grpc::CreateCustomChannel(s.server().address(),
                                                 grpc::InsecureChannelCredentials(), arguments);
  const auto officials = v1::Officials::NewStub(channel);
  std::list<Reader> slow(32);
  for (Reader& reader : slow) {
    reader.stream = officials->Attachment(&reader.context, request);
    v1::AttachmentChunk chunk;
    ASSERT_TRUE(reader.stream->Read(&chunk));
  }
  // They read no further. A place becomes free all the same.
  const auto another = [&] {
    Reader reader;
    TestServer::SetDeadline(reader.context);
    reader.stream = s.officials->Attachment(&reader.context, request);
    return read_on(reader);
  };
  EXPECT_EQ(another(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  Await([&] { return another() == grpc::StatusCode::OK; }, "a place");
  EXPECT_GE(std::ranges::count(slow, grpc::StatusCode::CANCELLED, read_on), 1);
}

TEST(Limits, OpenReflectionStreamsDoNotWearOutTheServer) {
  TestServer s(Small(2));
  s.Start();
  using Stream = grpc::GenericClientAsyncReaderWriter;
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<Stream> stream;
  };
  grpc::GenericStub stub(s.channel());
  grpc::CompletionQueue queue;
  std::list<Call> calls(100);
  for (Call& call : calls) {
    call.stream = stub.PrepareCall(
        &call.context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    call.stream->StartCall(&call);
  }
  v1::InfoResponse info;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(
        TestServer::Run([&](auto* context) { return s.reading->Info(context, {}, &info); }).ok());
  }
  // Those that got no thread are refused; nobody waits.
  std::list<grpc::Status> ended(calls.size());
  auto status = ended.begin();
  for (Call& call : calls) call.stream->Finish(&*status++, nullptr);
  int refused = 0;
  Await(
      [&] {
        void* tag = nullptr;
        bool ok = false;
        while (queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now()) ==
               grpc::CompletionQueue::GOT_EVENT) {
          if (tag == nullptr) ++refused;
        }
        return refused >= 80;
      },
      "refusals");
  for (Call& call : calls) call.context.TryCancel();
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
  EXPECT_EQ(
      std::ranges::count(ended, grpc::StatusCode::RESOURCE_EXHAUSTED, &grpc::Status::error_code),
      refused);
}

}  // namespace
}  // namespace urna::server::testing
