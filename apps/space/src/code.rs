//! Why an event is rejected: every code that this app gives.

use synlog_reducer::Code;

/// The writer is not the owner and has no capability for this that is still running.
pub const NO_CAPABILITY: Code = "no_capability";
/// A field of the event is out of its limits (schemas of items aside: [`BAD_SCHEMA`]).
pub const BAD_FIELD: Code = "bad_field";
/// What the item says does not fit its schema, or the schema is not known.
pub const BAD_SCHEMA: Code = "bad_schema";
/// A picture is of another type, empty or too large.
pub const BAD_IMAGE: Code = "bad_image";
/// The space was created before.
pub const EXISTS: Code = "exists";
/// The space was not created yet.
pub const UNKNOWN_SPACE: Code = "unknown_space";
/// No such capability was granted to this subject, or it was revoked before.
pub const UNKNOWN_GRANT: Code = "unknown_grant";
/// There is no such place.
pub const UNKNOWN_PLACE: Code = "unknown_place";
/// There is no such item.
pub const UNKNOWN_ITEM: Code = "unknown_item";
/// There is no such resource.
pub const UNKNOWN_RESOURCE: Code = "unknown_resource";
/// There is no such ad.
pub const UNKNOWN_AD: Code = "unknown_ad";
/// There is no such take, it was given back before, or it belongs to something else.
pub const UNKNOWN_TAKE: Code = "unknown_take";
/// More is given back than the take still holds.
pub const OVER_FREE: Code = "over_free";
/// The item is retired, for good.
pub const FINAL: Code = "final";
/// The item can't go from its state to that one.
pub const BAD_TRANSITION: Code = "bad_transition";
/// There would be fewer than none in stock.
pub const STOCK_NEGATIVE: Code = "stock_negative";
/// The item is not active.
pub const NOT_AVAILABLE: Code = "not_available";
/// The revision is not the item's current one.
pub const STALE_REVISION: Code = "stale_revision";
/// At some instant there would be more seats taken than the resource has.
pub const SLOT_TAKEN: Code = "slot_taken";
/// The slot is not within the hours in which the resource is available.
pub const OUTSIDE_HOURS: Code = "outside_hours";
/// The slot begins sooner than the notice that the resource needs.
pub const SHORT_NOTICE: Code = "short_notice";
/// A list of the state is at its limit.
pub const FULL: Code = "full";
