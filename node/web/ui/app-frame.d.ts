export class AppError extends Error {
  /** That of the API; `not_allowed` for what ui.json does not name, `declined` where the owner
   * said no, `too_many` and `too_large` where bounds are passed. */
  code: string;
  /** The rule of the app that refused an event. */
  rule?: string;
  hint: string | null;
}

export type Row = {
  topic: string; table: string; key: string; sub: string;
  columns: Record<string, unknown>; tentative: boolean;
};
export type Field = { name: string; type: string; title: string; required: boolean };
export type About = {
  /** The language of the page, and how numbers and times are written in it. */
  language: string; locale: string;
  /** The reader's time zone. */
  zone: string;
  theme: 'light' | 'dark';
  /** The entity of the reader. */
  me: string;
  ui: { app: string; major: number; reads: string[]; writes: string[] };
  /** Topics of the app that are here. */
  topics: { topic: string; name: string | null }[];
  /** The topic, and more of the address of the page, where it names one. */
  place: string[];
  /** Whether the reader may write at all. */
  can_write: boolean;
  /** What the app says of the tables and kinds that ui.json names; empty without a topic. */
  tables: { name: string; title: string; columns: { name: string; type: string }[]; indexes: { name: string; columns: string[] }[] }[];
  commands: { kind: string; title: string; fields: Field[]; erasable: Field[] }[];
};
export type Query = {
  topic?: string; prefix?: string; index?: string; equal?: string[]; from?: string; to?: string;
  desc?: boolean; sequenced?: boolean; as_of?: number; limit?: number; after?: string;
};
export type Written = { id: string; status: string; verdict: string; rejected: string | null };

export class App {
  about: About;
  /** Rows of a table that ui.json names. Without a topic of all topics of the app, if it comes
   * with synlog; for others name one. */
  rows(table: string, query?: Query): Promise<{ rows: Row[]; next: string | null }>;
  allRows(table: string, query?: Query): AsyncGenerator<Row>;
  row(topic: string, table: string, key: string): Promise<{ rows: Row[] }>;
  /** Calls when rows of topics may have changed, of one or of all; ask for them again. */
  watch(changed: (topics: string[]) => void, topic?: string): Promise<() => Promise<void>>;
  /** Writes an event of a kind that ui.json names. The rules are asked first, and then the owner. */
  send(topic: string, kind: string, body: object, more?: { erasable?: object; dry_run?: boolean }): Promise<Written>;
  /** The address of a picture that a row named. */
  blob(reference: { blob: { $hex: string } } | string): Promise<string>;
  /** Says something for a moment, outside of the frame. */
  notice(text: string): Promise<void>;
  /** Goes to a screen of the pages, as in open('order', topic, 'orders', key). */
  open(screen: string, ...parts: string[]): Promise<void>;
  /** Hears that `about.theme` is another one. */
  on(event: 'theme', listener: (about: About) => void): void;
}

export function connect(): Promise<App>;
/** Draws something anew and brings the reader back: what has the focus, and what was opened. */
export function redraw(root: Element, draw: () => void): void;
export function translator(messages: Record<string, Record<string, string>>, about: { language: string }):
  (key: string, values?: Record<string, unknown>) => string;
export function formats(about: { locale: string; zone?: string }): {
  instant(value: unknown): string; number(value: number): string; money(minor: number, currency: string): string;
};
export const digits: (value: unknown) => string;
export const short: (value: unknown) => string;
export const units: (value: unknown) => number;
