// What the page says.

export const words = {
  en: {
    topic: 'Topic', none: 'Nothing is counted here yet.', notopic: 'There is no topic yet. Begin one under “Apps”.',
    new: 'Open a tally', title: 'What is counted', unit: 'What one of it is', goal: 'How many are wanted', open: 'Open',
    add: 'Add', amount: 'How many {unit}; below zero takes back', note: 'What for', close: 'Close', closed: 'closed',
    of: '{sum} of {goal} {unit}', sum: '{sum} {unit}', last: 'Last: {when}', givers: 'Who added how much', entity: 'Who', number: 'How many', you: 'You',
    history: 'History', tentative: 'not placed yet', progress: 'How far it is', whole: 'A whole number, please.',
  },
  de: {
    topic: 'Thema', none: 'Hier wird noch nichts gezählt.', notopic: 'Es gibt noch kein Thema. Beginne eines unter „Apps“.',
    new: 'Etwas zu zählen beginnen', title: 'Was gezählt wird', unit: 'Was eines davon ist', goal: 'Wie viele gewünscht sind', open: 'Beginnen',
    add: 'Dazugeben', amount: 'Wie viele {unit}; unter null nimmt zurück', note: 'Wofür', close: 'Abschließen', closed: 'abgeschlossen',
    of: '{sum} von {goal} {unit}', sum: '{sum} {unit}', last: 'Zuletzt: {when}', givers: 'Wer wie viel gab', entity: 'Wer', number: 'Wie viele', you: 'Du',
    history: 'Verlauf', tentative: 'noch nicht eingereiht', progress: 'Wie weit es ist', whole: 'Bitte eine ganze Zahl.',
  },
};
