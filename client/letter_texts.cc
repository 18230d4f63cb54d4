#include "client/letter_texts.h"

namespace urna::client {

const std::vector<LetterText>& LetterTexts() {
  static const std::vector<LetterText> kTexts = {
      {.language = "en",
       .code = "Your voting code",
       .rehearsal = "REHEARSAL",
       .rehearsal_note = "This is a rehearsal. Votes cast have no effect.",
       .when_heading = "When",
       .when = "You can vote from {casting} to {end}. You can get your ballot from {issuing} on.",
       .where_heading = "Where",
       .how_heading = "How to vote, in three steps",
       .open = "Open the page or program named above. Type the code, or scan the square.",
       .choose = "Choose your answers, compare them with the summary on the screen, and cast.",
       .keep_and_revote = "Keep the receipt. You may vote again until the end: only your last "
                          "ballot counts.",
       .keep = "Keep the receipt. You can vote only once.",
       .check_heading = "How to check your vote",
       .check = "With the receipt you can check in the published ledger, also on another device, "
                "that your ballot was recorded unchanged. It does not show how you voted.",
       .opened_heading = "Was the letter open, or the code uncovered?",
       .opened = "Do not use the code and tell us at once: {contact}. The code will be made void "
                 "and you will get a new one.",
       .lost_heading = "Code lost, or not working?",
       .lost = "Come to us with an identity document: {contact}. We give you a new code, and the "
               "old one stops working.",
       .never = "Nobody will ever ask you for this code: no office, no police, not by telephone, "
                "not by e-mail. Who knows the code can vote in your place.",
       .poll = "Poll",
       .letter = "Letter",
       .time_format = "%e %B %Y, %H:%M (%Z)"},
      {.language = "pl",
       .code = "Twój kod do głosowania",
       .rehearsal = "PRÓBA",
       .rehearsal_note = "To jest próba. Oddane głosy nie mają żadnych skutków.",
       .when_heading = "Kiedy",
       .when = "Głosować można od {casting} do {end}. Kartę do głosowania można pobrać już od "
               "{issuing}.",
       .where_heading = "Gdzie",
       .how_heading = "Jak zagłosować w trzech krokach",
       .open = "Otwórz podaną wyżej stronę lub program. Wpisz kod albo zeskanuj kwadratowy znak.",
       .choose = "Zaznacz odpowiedzi, porównaj je z podsumowaniem na ekranie i oddaj głos.",
       .keep_and_revote = "Zachowaj pokwitowanie. Do końca głosowania możesz zagłosować ponownie: "
                          "liczy się tylko ostatni głos.",
       .keep = "Zachowaj pokwitowanie. Zagłosować można tylko raz.",
       .check_heading = "Jak sprawdzić swój głos",
       .check = "Pokwitowanie pozwala sprawdzić w opublikowanym rejestrze, także na innym "
                "urządzeniu, że Twój głos zapisano bez zmian. Nie zdradza, jak głosujesz.",
       .opened_heading = "List był otwarty lub kod odsłonięty?",
       .opened = "Nie używaj kodu i od razu nas zawiadom: {contact}. Kod zostanie unieważniony, "
                 "a Ty dostaniesz nowy.",
       .lost_heading = "Kod zginął lub nie działa?",
       .lost = "Zgłoś się z dokumentem tożsamości: {contact}. Wydamy nowy kod, a stary przestanie "
               "działać.",
       .never = "Nikt nigdy nie poprosi Cię o ten kod: ani urząd, ani policja, ani przez telefon, "
                "ani e-mailem. Kto zna kod, może zagłosować za Ciebie.",
       .poll = "Głosowanie",
       .letter = "List",
       .time_format = "%d.%m.%Y, %H:%M (%Z)"},
      {.language = "uk",
       .code = "Ваш код для голосування",
       .rehearsal = "РЕПЕТИЦІЯ",
       .rehearsal_note = "Це репетиція. Віддані голоси не матимуть жодних наслідків.",
       .when_heading = "Коли",
       .when = "Голосувати можна з {casting} до {end}. Бюлетень можна отримати вже з {issuing}.",
       .where_heading = "Де",
       .how_heading = "Як проголосувати за три кроки",
       .open = "Відкрийте вказану вище сторінку або програму. Введіть код або зіскануйте "
               "квадратний знак.",
       .choose = "Позначте відповіді, порівняйте їх із підсумком на екрані та віддайте голос.",
       .keep_and_revote = "Збережіть квитанцію. До кінця голосування можна проголосувати ще раз: "
                          "враховується лише останній голос.",
       .keep = "Збережіть квитанцію. Проголосувати можна лише один раз.",
       .check_heading = "Як перевірити свій голос",
       .check = "Квитанція дає змогу перевірити в опублікованому реєстрі, також на іншому "
                "пристрої, що ваш голос записано без змін. Вона не показує, як ви голосували.",
       .opened_heading = "Лист був відкритий або код видно?",
       .opened = "Не користуйтеся кодом і негайно повідомте нас: {contact}. Код буде скасовано, а "
                 "ви отримаєте новий.",
       .lost_heading = "Код загублено або він не діє?",
       .lost = "Зверніться до нас із документом, що посвідчує особу: {contact}. Ми видамо новий "
               "код, а старий перестане діяти.",
       .never = "Ніхто ніколи не проситиме у вас цей код: ні установа, ні поліція, ні телефоном, "
                "ні електронною поштою. Хто знає код, може проголосувати за вас.",
       .poll = "Голосування",
       .letter = "Лист",
       .time_format = "%d.%m.%Y, %H:%M (%Z)"},
  };
  return kTexts;
}

const LetterText* LetterTextFor(std::string_view language) {
  language = language.substr(0, language.find('-'));
  for (const LetterText& text : LetterTexts()) {
    if (text.language == language) return &text;
  }
  return nullptr;
}

}  // namespace urna::client
