#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/text.h"
#include "poll/definition.h"

namespace urna::poll {
namespace {

constexpr std::string_view kHead =
    R"(// A poll of Urna. Lines that begin with // explain; they are taken out before anybody approves the
// text. Fill in every "PUT-...-HERE", read every line, and check the file with `urna poll check`.
// Once k officials have approved it, this text is the poll: no field can change afterwards.
{
  "format": "urna-definition/1",

  // Salt of printed voting codes: 1 to 64 characters a-z, 0-9, '-' and '.'. Polls with the same label
  // accept the same codes, so a poll that was cancelled can be repeated without new letters.
  "roll_label": "PUT-ROLL-LABEL-HERE",

  // true for a rehearsal: everything works, and everything says that it counts for nothing. Then the
  // last part of the ledger's name, "origin" below, must begin with "rehearsal"; otherwise the word
  // must not be in it. `urna poll rehearse` makes a rehearsal of a finished definition.
  "rehearsal": false,

  // Languages of the ballot, the first is shown first. Every text must be given in each of them.
  "languages": )";
constexpr std::string_view kLanguagesOfTemplates = R"(["pl", "en"],
)";

constexpr std::string_view kReferendumTexts = R"(
  "title": {"pl": "Referendum lokalne", "en": "Local referendum"},
  // What residents read first; may be empty, "".
  "description": {
    "pl": "Referendum w sprawie budowy metra i monitoringu wizyjnego.",
    "en": "A referendum on building a metro and on video surveillance."
  },

  // Each contest is one question with its options. Ids are for machines: a-z, 0-9 and '-'.
  // The order of contests and options is the order on the ballot.
  "contests": [
    {
      "id": "metro",
      "title": {"pl": "Metro", "en": "Metro"},
      "question": {
        "pl": "Czy Pani/Pana zdaniem w Krakowie powinno być budowane metro?",
        "en": "Should a metro be built in Kraków?"
      },
      "options": [
        {"id": "tak", "text": {"pl": "Tak", "en": "Yes"}},
        {"id": "nie", "text": {"pl": "Nie", "en": "No"}}
      ],
      // From min to max options may be chosen. 0 allows a blank answer, which is an invalid vote of
      // this question but counts for the turnout.
      "ballot": {"rule": "choose", "min": 0, "max": 1},
      // "homomorphic": ballots are added up encrypted, only the sums are ever decrypted.
      "tally": "homomorphic",
      // "majority": the option with more than half of the valid votes wins (art. 56(1) of the Act of
      // 15 September 2000 on local referenda); with exactly half, nothing is decided.
      // "two-thirds": "yes" needs two thirds of the valid votes (self-taxation, art. 56(2)).
      // "variants": two or more options, one with more than half of the valid votes wins.
      "decision": {"rule": "majority", "yes": "tak", "no": "nie"}
    },
    {
      "id": "monitoring",
      "title": {"pl": "Monitoring wizyjny", "en": "Video surveillance"},
      "question": {
        "pl": "Czy Pani/Pana zdaniem w Krakowie powinien powstać system monitoringu wizyjnego?",
        "en": "Should Kraków have a system of surveillance cameras?"
      },
      "options": [
        {"id": "tak", "text": {"pl": "Tak", "en": "Yes"}},
        {"id": "nie", "text": {"pl": "Nie", "en": "No"}}
      ],
      "ballot": {"rule": "choose", "min": 0, "max": 1},
      "tally": "homomorphic",
      "decision": {"rule": "majority", "yes": "tak", "no": "nie"}
    }
  ],

  // Ballot styles: which contests a resident gets. The roll names the style of each resident. One
  // style is enough unless districts vote on different things; small styles reveal more.
  "styles": [
    {
      "id": "miasto",
      "title": {"pl": "Całe miasto", "en": "The whole city"},
      "contests": ["metro", "monitoring"]
    }
  ],

  // When the referendum is valid. "turnout": at least numerator/denominator of those entitled took
  // part; 3/10 is art. 55(1). "recall" (of an elected body, art. 55(2)): at least 3/5 of
  // "voters_then", those who voted in its election. "none": always valid.
  "quorum": {"rule": "turnout", "numerator": 3, "denominator": 10},
)";

constexpr std::string_view kSurveyTexts = R"(
  "title": {"pl": "Badanie opinii mieszkańców", "en": "Residents' survey"},
  // What residents read first; may be empty, "".
  "description": {
    "pl": "Jak ocenia Pani/Pan życie w mieście? Badanie jest anonimowe.",
    "en": "How do you rate life in the city? The survey is anonymous."
  },

  // Each contest is one question with its options. Ids are for machines: a-z, 0-9 and '-'.
  // The order of contests and options is the order on the ballot.
  "contests": [
    {
      "id": "oceny",
      "title": {"pl": "Oceny", "en": "Ratings"},
      "question": {
        "pl": "Proszę ocenić od 1 (źle) do 5 (bardzo dobrze); 0 oznacza brak zdania.",
        "en": "Please rate from 1 (bad) to 5 (very good); 0 means no opinion."
      },
      "options": [
        {"id": "transport", "text": {"pl": "Komunikacja miejska", "en": "Public transport"}},
        {"id": "zielen", "text": {"pl": "Parki i zieleń", "en": "Parks and green areas"}},
        {"id": "powietrze", "text": {"pl": "Jakość powietrza", "en": "Air quality"}}
      ],
      // Every option gets 0 to max points, at most 255. Only the sums become known: to learn how many
      // gave each mark, ask a "choose" question with the marks as options. With
      // "total": {"min": 0, "max": 5} beside max, all points of one ballot must add up to that range.
      "ballot": {"rule": "score", "max": 5},
      // "homomorphic": ballots are added up encrypted, only the sums are ever decrypted.
      "tally": "homomorphic",
      // "none": totals only, nothing is decided.
      "decision": {"rule": "none"}
    },
    {
      "id": "dojazd",
      "title": {"pl": "Dojazd", "en": "Getting around"},
      "question": {
        "pl": "Czym porusza się Pani/Pan po mieście? Można wskazać do trzech odpowiedzi.",
        "en": "How do you get around the city? Choose up to three answers."
      },
      "options": [
        {"id": "pieszo", "text": {"pl": "Pieszo", "en": "On foot"}},
        {"id": "rower", "text": {"pl": "Rowerem", "en": "By bicycle"}},
        {"id": "mpk", "text": {"pl": "Komunikacją miejską", "en": "By public transport"}},
        {"id": "samochod", "text": {"pl": "Samochodem", "en": "By car"}},
        {"id": "trudno-powiedziec", "text": {"pl": "Trudno powiedzieć", "en": "Hard to say"}}
      ],
      // From min to max options may be chosen; min 0 allows no answer.
      "ballot": {"rule": "choose", "min": 0, "max": 3},
      "tally": "homomorphic",
      "decision": {"rule": "none"}
    }
  ],

  // Ballot styles: which contests a resident gets. With one style for each stratum of a sample (sex,
  // age, district) totals can be weighted afterwards; but a style with few residents reveals more.
  "styles": [
    {
      "id": "wszyscy",
      "title": {"pl": "Wszyscy", "en": "Everyone"},
      "contests": ["oceny", "dojazd"]
    }
  ],

  // A survey needs no turnout. (Others: "turnout" with numerator and denominator, "recall".)
  "quorum": {"rule": "none"},
)";

constexpr std::string_view kConsultationTexts = R"(
  "title": {"pl": "Konsultacje społeczne", "en": "Public consultation"},
  // What residents read first; may be empty, "". A consultation advises, it does not bind: say so.
  "description": {
    "pl": "Konsultacje w sprawie zagospodarowania placu. Wynik nie jest wiążący.",
    "en": "A consultation on the future of a square. The result is advisory."
  },

  // Each contest is one question with its options. Ids are for machines: a-z, 0-9 and '-'.
  // The order of contests and options is the order on the ballot.
  "contests": [
    {
      "id": "plac",
      "title": {"pl": "Projekt placu", "en": "Design of the square"},
      "question": {
        "pl": "Który wariant zagospodarowania placu Pani/Pan wybiera?",
        "en": "Which design of the square do you choose?"
      },
      "options": [
        {"id": "park", "text": {"pl": "Park kieszonkowy", "en": "A pocket park"}},
        {"id": "targ", "text": {"pl": "Plac targowy", "en": "A market square"}},
        {"id": "bez-zmian", "text": {"pl": "Bez zmian", "en": "As it is"}}
      ],
      // From min to max options may be chosen; min 0 allows a blank answer, an invalid vote.
      "ballot": {"rule": "choose", "min": 0, "max": 1},
      // "homomorphic": ballots are added up encrypted, only the sums are ever decrypted.
      "tally": "homomorphic",
      // "variants": the option with more than half of the valid votes wins, otherwise none does.
      // "none" publishes totals only.
      "decision": {"rule": "variants"}
    },
    {
      "id": "priorytety",
      "title": {"pl": "Priorytety", "en": "Priorities"},
      "question": {
        "pl": "Proszę wskazać trzy najważniejsze sprawy, od najważniejszej.",
        "en": "Please name the three most important matters, the most important first."
      },
      "options": [
        {"id": "drzewa", "text": {"pl": "Więcej drzew", "en": "More trees"}},
        {"id": "lawki", "text": {"pl": "Więcej ławek", "en": "More benches"}},
        {"id": "oswietlenie", "text": {"pl": "Lepsze oświetlenie", "en": "Better lighting"}},
        {"id": "parking", "text": {"pl": "Miejsca parkingowe", "en": "Parking spaces"}}
      ],
      // k, k-1, ..., 1 points go to k different options; k is at most 5. Every ballot gives them all.
      "ballot": {"rule": "points", "k": 3},
      "tally": "homomorphic",
      "decision": {"rule": "none"}
    }
  ],

  // Ballot styles: which contests somebody on the roll gets. Where organisations are consulted, the
  // roll has one credential for each organisation.
  "styles": [
    {
      "id": "uczestnicy",
      "title": {"pl": "Uczestnicy konsultacji", "en": "Participants"},
      "contests": ["plac", "priorytety"]
    }
  ],

  // A consultation needs no turnout. (Others: "turnout" with numerator and denominator, "recall".)
  "quorum": {"rule": "none"},
)";

constexpr std::string_view kBudgetTexts = R"(
  "title": {"pl": "Budżet obywatelski", "en": "Participatory budget"},
  // What residents read first; may be empty, "".
  "description": {
    "pl": "Proszę wybrać projekty ogólnomiejskie i projekty swojej dzielnicy.",
    "en": "Please choose projects for the whole city and projects of your district."
  },

  // Each contest is one pool of money, each option a project. `urna budget import` makes this part
  // from .pb files. Ids are for machines: a-z, 0-9 and '-'.
  "contests": [
    {
      "id": "miasto",
      "title": {"pl": "Projekty ogólnomiejskie", "en": "Projects for the whole city"},
      "question": {
        "pl": "Proszę wskazać trzy projekty, od najważniejszego.",
        "en": "Please name three projects, the most important first."
      },
      "options": [
        {
          "id": "park", "text": {"pl": "Park nad Białuchą", "en": "A park by the Białucha"},
          "project": {
            // As printed in leaflets: no commas and colons. Voters may type it.
            "number": "BO.OM.1/30",
            // In the smallest unit of the currency: 1,200,000.00 PLN.
            "cost": 120000000,
            // These three may be left out.
            "description": {"pl": "Ścieżki, ławki i sto drzew.", "en": "Paths, benches, 100 trees."},
            "category": {"pl": "zieleń", "en": "green areas"},
            "place": {"pl": "ul. Olszyny", "en": "Olszyny Street"}
          }
        },
        {
          "id": "boisko", "text": {"pl": "Boisko nad Białuchą", "en": "A pitch by the Białucha"},
          "project": {"number": "BO.OM.2/30", "cost": 90000000}
        },
        {
          "id": "biblioteka", "text": {"pl": "Biblioteka na kółkach", "en": "A library on wheels"},
          "project": {"number": "BO.OM.3/30", "cost": 45000000}
        },
        {
          "id": "stojaki", "text": {"pl": "Stojaki rowerowe", "en": "Bicycle racks"},
          "project": {"number": "BO.OM.4/30", "cost": 15000000}
        }
      ],
      // "points": k, k-1, ..., 1 points go to k different projects. "choose": from min to max projects,
      // one vote each. "score" with a "total": points to be shared out. All of them can be added up
      // encrypted.
      "ballot": {"rule": "points", "k": 3},
      // "homomorphic": only sums are ever decrypted. A count that needs more says so.
      "tally": "homomorphic",
      // Every word of this is defined in docs/budget-rules.md; nothing is implied.
      "decision": {
        "rule": "budget",
        // The pool, in the smallest unit; "decimals" says how many digits follow the point.
        "amount": 150000000, "currency": "PLN", "decimals": 2,
        // "greedy" ranks projects "by" points, votes, points-per-cost or votes-per-cost. A project
        // that costs more than what is left ("misfit"): "skip" it; "stop"; or "reserve": stop, but fund
        // it all the same if "reserve", a numerator and a denominator, of its cost is left.
        "method": {"rule": "greedy", "by": "points", "misfit": "skip"},
        // "none"; or {"rule": "number", "of": "points", "at_least": 30}; or a share of the ballots,
        // {"rule": "share", "of": "votes", "numerator": 1, "denominator": 10}.
        "threshold": {"rule": "none"},
        // Groups of projects of which at most one is funded: here two on one site.
        "exclusive": [["park", "boisko"]],
        // What decides ties, in this order; the last step must decide all: "lower-number",
        // "higher-number", "id" or "lot". A lot is drawn in public before anything is decrypted.
        "ties": ["lower-cost", "lot"]
      }
    },
    {
      "id": "pradnik",
      "title": {"pl": "Dzielnica IV Prądnik Biały", "en": "District IV Prądnik Biały"},
      "question": {
        "pl": "Proszę wskazać do dwóch projektów dzielnicy.",
        "en": "Please choose up to two projects of the district."
      },
      "options": [
        {
          "id": "lawki", "text": {"pl": "Ławki na osiedlach", "en": "Benches"},
          "project": {"number": "BO.D4.1/30", "cost": 6000000}
        },
        {
          "id": "zegar", "text": {"pl": "Zegar słoneczny", "en": "A sundial"},
          "project": {"number": "BO.D4.2/30", "cost": 2550000}
        },
        {
          "id": "lampy", "text": {"pl": "Lampy w parku", "en": "Lamps in the park"},
          "project": {"number": "BO.D4.3/30", "cost": 7200000}
        }
      ],
      "ballot": {"rule": "choose", "min": 0, "max": 2},
      "tally": "homomorphic",
      "decision": {
        "rule": "budget",
        "amount": 10000000, "currency": "PLN", "decimals": 2,
        "method": {"rule": "greedy", "by": "votes", "misfit": "skip"},
        "threshold": {"rule": "none"},
        "exclusive": [],
        "ties": ["lower-cost", "lot"]
      }
    }
  ],

  // Ballot styles: the pools in which a resident votes. The roll names the style of each resident.
  "styles": [
    {
      "id": "pradnik",
      "title": {"pl": "Dzielnica IV", "en": "District IV"},
      "contests": ["miasto", "pradnik"]
    },
    {
      "id": "inne",
      "title": {"pl": "Pozostałe dzielnice", "en": "Other districts"},
      "contests": ["miasto"]
    }
  ],

  // A participatory budget needs no turnout. (Others: "turnout" with numerator and denominator.)
  "quorum": {"rule": "none"},
)";

constexpr std::string_view kTail = R"(
  // Officials approve every step of the poll; "needed" of them must sign. Each makes a key on a
  // device of their own and gives you only the public part. Nobody holds two keys or two roles.
  "officials": {
    "needed": 2,
    "list": [
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"},
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"},
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"}
    ]
  },

  // Trustees decrypt the result. Any "needed" of them can do it, and as many could break the secrecy
  // of votes if they colluded; with fewer left, the result is lost. Choose people who distrust each
  // other.
  "trustees": {
    "needed": 2,
    "list": [
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"},
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"},
      {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"}
    ]
  },

  // Issuers give each resident one anonymous ballot token. A ballot needs a token of every issuer:
  // with one, that issuer alone could mint votes; a city should have two, one outside city hall.
  "issuers": [
    {"name": "PUT-NAME-HERE", "key": "PUT-KEY-HERE"}
  ],

  // The server that keeps the ledger: the name under which the ledger is published (no spaces, no
  // '+'; use a name that you own, such as votes.example.org/2030, and for a rehearsal
  // votes.example.org/2030/rehearsal), and the key that signs its checkpoints and receipts.
  "ballot_box": {"origin": "PUT-ORIGIN-HERE", "key": "PUT-KEY-HERE"},

  // Outside witnesses that cosign what is published, so that nobody can be shown another ledger: each
  // by the line that `urna witness key` printed to it, such as
  // "witness.example.org+1a2b3c4d+BPx..."; the server's operator needs its address, too. "needed" of
  // them must have cosigned the closed ledger before trustees decrypt. More than half of them, but
  // not all: one that is gone for good would otherwise keep the result from being known.
  "witnesses": {"needed": 0, "list": []},

  // In UTC (Kraków is 2 hours ahead in summer, 1 in winter). Tokens are given from "issuing_from",
  // ballots accepted from "casting_from" to "end". Some days between the first two keep anybody from
  // matching a token's time with a ballot's. Officials may extend the end, never past "latest_end".
  "times": {
    "issuing_from": "PUT-TIME-HERE",
    "casting_from": "PUT-TIME-HERE",
    "end": "PUT-TIME-HERE",
    "latest_end": "PUT-TIME-HERE"
  },

  // Seconds between publications of the ledger, 1 to 86400. Longer hides better when a ballot came.
  "publish_every": 3600,

  // A contest with fewer ballots is not decrypted, because its totals would reveal votes. At least 2.
  "minimum_ballots": 10,

  // true: a resident may vote again and the last ballot counts, a remedy against pressure.
  "revoting": true
}
)";

}  // namespace

absl::StatusOr<std::string> DefinitionTemplate(std::string_view kind, bool rehearsal) {
  std::string_view texts;
  if (kind == "referendum") {
    texts = kReferendumTexts;
  } else if (kind == "survey") {
    texts = kSurveyTexts;
  } else if (kind == "consultation") {
    texts = kConsultationTexts;
  } else if (kind == "budget") {
    texts = kBudgetTexts;
  } else {
    return base::Failure(absl::StatusCode::kNotFound,
                         base::Cat("there is no template \"", kind,
                                   "\"; known are referendum, survey, consultation and budget"));
  }
  std::string out = base::Cat(kHead, kLanguagesOfTemplates, texts, kTail);
  if (rehearsal) {
    constexpr std::string_view kReal = "\"rehearsal\": false,";
    out.replace(out.find(kReal), kReal.size(), "\"rehearsal\": true,");
  }
  return out;
}

std::string TemplateAround(const std::vector<std::string>& languages, std::string_view texts) {
  return base::Cat(kHead, nlohmann::json(languages).dump(), ",\n\n", texts, kTail);
}

absl::StatusOr<std::string> RehearsalOf(std::string_view json, uint64_t from, uint64_t end) {
  URNA_ASSIGN_OR_RETURN(const Definition real, ParseDefinition(json));
  if (real.rehearsal) {
    return base::Reject("definition.invalid", "rehearsal: this is the definition of a rehearsal");
  }
  auto tree = nlohmann::ordered_json::parse(json);  // keeps the order of fields
  tree["rehearsal"] = true;
  tree["roll_label"] = base::Cat(real.roll_label, "-rehearsal");
  tree["ballot_box"]["origin"] = base::Cat(real.ballot_box.name, "/rehearsal");
  // Differences of unsigned times: every time is at or after issuing_from.
  const uint64_t casting = end > 0 ? from : from + (real.casting_from - real.issuing_from);
  const uint64_t last = end > 0 ? end : from + (real.end - real.issuing_from);
  tree["times"]["issuing_from"] = base::FormatUtc(from);
  tree["times"]["casting_from"] = base::FormatUtc(casting);
  tree["times"]["end"] = base::FormatUtc(last);
  tree["times"]["latest_end"] = base::FormatUtc(last + (real.latest_end - real.end));
  std::string out = tree.dump(2) + "\n";
  URNA_RETURN_IF_ERROR(ParseDefinition(out).status());
  return out;
}

}  // namespace urna::poll
