// Times of the place: by the clock there, and by the reader's where that shows something else.

import { t } from './words.js';
import { app } from './app.js';
import { clock, dayOf, fromField, full, here, isZone, offset, toField } from './zones.js';

/** The zone of the provider's space; the reader's where it names none that is known. */
export const zone = () => (app.profile?.zone && isZone(app.profile.zone) ? app.profile.zone : here());

/** Where a clock is, of the name of its zone. */
export const city = (name) => String(name).split('/').pop().replaceAll('_', ' ');

const differs = (...times) => times.some((at) => offset(at, zone()) !== offset(at, here()));

const both = (of, ...times) => (differs(...times) ? `${of(zone())} (${city(zone())}); ${t('book.yours')} ${of(here())}` : of(zone()));

/** A time of the place. */
export const when = (at) => (Number.isFinite(at) ? both((zone) => full(at, zone), at) : '');

/** From one to another. */
export const span = (start, end) => both((zone) => `${full(start, zone)} – ${dayOf(start, zone) === dayOf(end, zone) ? clock(end, zone) : full(end, zone)}`, start, end);

/** What a field of a date and time shows, and what is meant by it. */
export const typed = (at) => toField(at, zone());
export const meant = (text) => fromField(text, zone());

/** By which clock fields are, where it is not the reader's. */
export const told = () => (differs(Date.now()) ? t('book.zone', { zone: city(zone()) }) : null);
