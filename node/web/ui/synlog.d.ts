/** What the API says went wrong (RFC 9457); code and hint are those of the command line. */
export class ProblemError extends Error {
  status: number;
  code: string;
  hint: string | null;
  /** The rule of the app that refused an event. */
  rule?: string;
}

/** Ids and other bytes. */
export type Bytes = { $hex: string };
export type Row = {
  topic: string; table: string; key: string; sub: string;
  columns: Record<string, unknown>; tentative: boolean; changed_by: string | null;
};
export type Entry = {
  cursor: number; id: string; topic: string; app: string | null; author: string;
  device_name: string | null; entity: string | null; seq: number; time: string;
  kind: string | null; status: string | null; verdict: string | null;
  body: Record<string, unknown> | null; erasable: Record<string, unknown> | null;
  erased: boolean; deps: string[]; backlink: string | null; sealed: string | null;
};
export type RowsQuery = {
  prefix?: string; index?: string; equal?: string[]; from?: string; to?: string;
  desc?: boolean; sequenced?: boolean; as_of?: number; limit?: number; after?: string;
  /** Only rows in which all of these words stand; some may be found later, as long as there is a `next`. */
  words?: string;
};
export type Event = {
  body?: Record<string, unknown>; erasable?: Record<string, unknown>;
  for?: string; prove?: string[]; force?: boolean; dry_run?: boolean;
};
export type Written = {
  id: string; topic: string; kind: string; status: string; verdict: string;
  rejected: string | null; unchecked: boolean; secrets: string[];
};
export type Watching = {
  topic?: string;
  /** Id of the last event seen, or a cursor of entries; from now on where it is left out. */
  from?: string;
  entry?(entry: Entry, id: string): void;
  rows?(changes: { topic: string; key: string; rows: Row[] }[], id: string): void;
  /** What was known is not the past of what is here: ask for all rows again. */
  reset?(id: string): void;
  /** Whether the stream is open. */
  state?(open: boolean): void;
  problem?(error: ProblemError): void;
};

export class Synlog {
  /** At `base`, with a program's token, or with the cookie of this page's session; `ui`: only
   * what the user interface of that app may ask. */
  constructor(options?: { base?: string; token?: string; ui?: string });
  /** Any question, as in get('/topics'). Questions for rows that are asked in one go travel
   * in one request (`/several`). */
  get<T = any>(path: string, query?: Record<string, unknown>): Promise<T>;
  post<T = any>(path: string, body?: unknown): Promise<T>;
  /** Exchanges the token of a link for a session. */
  login(token: string): Promise<void>;
  /** Rows of a table. */
  rows(topic: string, view: string, query?: RowsQuery): Promise<{ rows: Row[]; next: string | null }>;
  /** Rows of a table, of all topics of an app. */
  appRows(app: string, view: string, query?: RowsQuery): Promise<{ rows: Row[]; next: string | null }>;
  /** All rows of a table, page by page. */
  allRows(topic: string, view: string, query?: RowsQuery): AsyncGenerator<Row>;
  /** Writes an event, by its kind, as in send('orders', 'order.request', {body: {…}}). */
  send(topic: string, command: string, event?: Event): Promise<Written>;
  /** Stores bytes as a blob. `reference` is how an event names it. */
  upload(bytes: Blob | ArrayBuffer, topic?: string): Promise<{ blob: string; size: number; type: string; reference: unknown }>;
  /** Gives a file to be imported; it is looked at, and nothing is written yet. */
  give(file: File, topic: string, more?: { format?: 'csv' | 'jsonl' | 'schema-org' | 'osm'; currency?: string; zone?: string }): Promise<{ import: string; stage: string }>;
  blobUrl(hash: string): string;
  /** What happens, as it happens, across interruptions without loss or repeat. Gives what ends it. */
  watch(watching: Watching): () => void;
}
