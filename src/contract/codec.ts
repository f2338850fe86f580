/** What the application put into a session. The keys may be anything, `__proto__` included. */
export interface SessionValues {
  readonly data: Record<string, unknown>
  /** The values of the one-time messages by their keys; absent if there are none. */
  readonly flash?: Record<string, unknown>
}

/**
 * Turns the values of a session into text and back.
 *
 * Only the values: owner, deadlines, tombstones and whatever else the engine keeps with them are written by the engine
 * beside this text, so no codec can lose them. Encrypt or compress here if only the values need it.
 */
export interface Codec {
  /**
   * The text of the values, which must not depend on them any more: the application goes on changing its objects.
   *
   * Throws a `SessionError` with the code `VALUE_INVALID`, naming the path, for a value it cannot write.
   */
  encode(values: SessionValues): string
  /** New values, which the caller may change. Null, or whatever it throws, means that the text is corrupt or foreign. */
  decode(text: string): SessionValues | null
}
