/** Reads one connection. */
export interface Reader {
  /** The next bytes of the client, cut anywhere. */
  sent(chunk: Buffer): void
  /** The next bytes of the server. */
  answered?(chunk: Buffer): void
}

/** How a connection is read: `tell` is called with the name of each command that the client sends. */
export type Protocol = (tell: (command: string) => void) => Reader

/** RESP: an array of texts, as all clients send it. */
export const redis: Protocol = (tell) => {
  return framed((bytes) => {
    const parts: string[] = []
    let end = lineEnd(bytes, 0)
    if (end < 0) return 0
    const count = Number(bytes.toString('latin1', 1, end - 2))
    if (bytes[0] !== 0x2a || !Number.isInteger(count)) throw new Error('Not an array of RESP')
    for (let part = 0; part < count; part++) {
      const start = lineEnd(bytes, end)
      if (start < 0) return 0
      const length = Number(bytes.toString('latin1', end + 1, start - 2))
      if (bytes.length < start + length + 2) return 0
      parts.push(bytes.toString('latin1', start, start + length))
      end = start + length + 2
    }
    const [name = ''] = parts
    if (!['HELLO', 'CLIENT', 'AUTH', 'SELECT'].includes(name.toUpperCase())) tell(name.toUpperCase())
    return end
  })
}

/**
 * PostgreSQL, protocol 3: each Execute and each simple Query by the first word of its statement, and `PARSE` for each
 * statement that the server has to parse.
 */
export const postgres: Protocol = (tell) => {
  const statements = new Map<string, string>()
  let bound = ''
  let started = false

  return framed((bytes) => {
    // The first message has no type.
    const at = started ? 1 : 0
    if (bytes.length < at + 4) return 0
    const size = at + bytes.readUInt32BE(at)
    if (bytes.length < size) return 0
    if (!started) {
      started = true
      return size
    }
    const texts = bytes.toString('latin1', 5, size).split('\0')
    const [first = '', second = ''] = texts
    switch (String.fromCharCode(bytes[0] ?? 0)) {
      case 'P': // name, text
        statements.set(first, verb(second))
        tell('PARSE')
        break
      case 'B': // portal, name
        bound = second
        break
      case 'E':
        tell(statements.get(bound) ?? 'EXECUTE')
        break
      case 'Q':
        tell(verb(first))
        break
    }
    return size
  })
}

/** MySQL: each execution by the first word of its statement, `QUERY` before it if it is not prepared, and `PREPARE`. */
export const mysql: Protocol = (tell) => {
  const statements = new Map<number, string>()
  let preparing: string | null = null

  const reader = framed((bytes) => {
    if (bytes.length < 4) return 0
    const size = 4 + bytes.readUIntLE(0, 3)
    if (bytes.length < size) return 0
    // Commands begin a sequence; what belongs to the log-in goes on with the server's.
    if (bytes[3] !== 0) return size
    const text = bytes.toString('latin1', 5, size)
    switch (bytes[4]) {
      case 0x03:
        tell(`QUERY ${verb(text)}`)
        break
      case 0x16:
        preparing = verb(text)
        tell('PREPARE')
        break
      case 0x17:
        tell(statements.get(bytes.readUInt32LE(5)) ?? 'EXECUTE')
        break
    }
    return size
  })
  return {
    sent: reader.sent,
    answered(chunk) {
      // The answer to a PREPARE begins with 0 and the number of the statement.
      if (preparing === null || chunk.length < 9) return
      if (chunk[4] === 0) statements.set(chunk.readUInt32LE(5), preparing)
      preparing = null
    },
  }
}

/** memcached: lines of text, some of which have data behind them. */
export const memcached: Protocol = (tell) => {
  return framed((bytes) => {
    const end = lineEnd(bytes, 0)
    if (end < 0) return 0
    const words = bytes.toString('latin1', 0, end - 2).split(' ')
    const [name = ''] = words
    const hasData = /^(set|add|replace|append|prepend|cas)$/.test(name)
    const size = end + (hasData ? Number(words[4]) + 2 : 0)
    if (bytes.length < size) return 0
    tell(name)
    return size
  })
}

/** MongoDB, OP_MSG: the first field of the body is the command. What drivers send on their own is left out. */
export const mongodb: Protocol = (tell) => {
  return framed((bytes) => {
    if (bytes.length < 4) return 0
    const size = bytes.readUInt32LE(0)
    if (bytes.length < size) return 0
    if (bytes.readUInt32LE(12) !== 2013) return size
    // Header 16, flags 4, kind of section 1, length of the document 4, type of the field 1.
    const name = bytes.toString('latin1', 26, bytes.indexOf(0, 26))
    if (!['hello', 'ismaster', 'isMaster', 'ping', 'endSessions'].includes(name)) tell(name)
    return size
  })
}

/** Keeps what is not yet whole. `next` answers how long the first message of the bytes is, 0 if it is not all there. */
function framed(next: (bytes: Buffer) => number): Reader {
  let rest: Buffer = Buffer.alloc(0)
  return {
    sent(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (let size = -1; rest.length > 0 && size !== 0; rest = rest.subarray(size)) size = next(rest)
    },
  }
}

/** Behind the next line break; negative if there is none. */
function lineEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf('\r\n', from, 'latin1')
  return at < 0 ? -1 : at + 2
}

function verb(statement: string): string {
  return /^\s*(\w+)/.exec(statement)?.[1]?.toUpperCase() ?? ''
}
