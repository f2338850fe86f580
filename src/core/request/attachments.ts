/** One value per object, which no other code sees and which lives as long as the object. */
export interface Attachments<Value> {
  get(carrier: object): Value | undefined
  set(carrier: object, value: Value): void
}

/**
 * A WeakMap whose values are kept in their objects, as a private field.
 *
 * What a WeakMap holds is alive to V8's young collections if it leads back to its key, as a session leads to its
 * request: every request then lived until the next full collection, which took as much time as all the rest (Node 20).
 */
export function createAttachments<Value>(): Attachments<Value> {
  // To some engines a private field is a change that an object may refuse.
  const ofSealed = new WeakMap<object, Value>()

  class Attachment extends Itself {
    #value: Value

    constructor(carrier: object, value: Value) {
      super(carrier)
      this.#value = value
    }

    static get(carrier: object): Value | undefined {
      return #value in carrier ? carrier.#value : ofSealed.get(carrier)
    }

    static set(carrier: object, value: Value): void {
      if (#value in carrier) carrier.#value = value
      else if (Object.isExtensible(carrier)) new Attachment(carrier, value)
      else ofSealed.set(carrier, value)
    }
  }
  return Attachment
}

type Identity = new (carrier: object) => object

/** A constructor that returns an object makes the fields of its subclasses fields of that object. */
const Itself = function itself(carrier: object) {
  return carrier
} as unknown as Identity
