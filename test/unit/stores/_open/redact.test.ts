import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact } from '../../../../src/stores/_open/redact.ts'

const url = encodeURIComponent
const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

/** Connection strings of all forms, with a password as each of them wants it written. */
const forms: Record<string, (password: string) => string> = {
  'a URL': (password) => `postgres://user:${url(password)}@host:5432/db?sslmode=require`,
  'a URL with an @ after it': (password) => `redis://:${url(password)}@host:6379/0?prefix=a@b`,
  'a URL with several hosts': (password) => `redis+sentinel://u:${url(password)}@a:1,b:2/mymaster/0`,
  'a parameter': (password) => `redis+sentinel://a:1/m?prefix=p&sentinelPassword=${url(password)}`,
  'a URL that was not encoded': (password) => `mongodb://user:${password}@a,b/db`,
  'beego for redis': (password) => `redis:127.0.0.1:6379,100,${password},0,30`,
  'beego for sentinels': (password) => `redis_sentinel:a:1;b:2,100,${password},0,mymaster`,
  'JSON of beego': (password) => `redis:${JSON.stringify({ save_path: 'a:1', password, db_num: 0 })}`,
  'Go for MySQL': (password) => `mysql:user:${password}@tcp(host:3306)/db?charset=utf8&x=a@b`,
  'beego for Couchbase': (password) => `couchbase:http://bucket:${url(password)}@host:8091/`,
  'libpq, quoted': (password) => `postgresql:user=a password=${quoted(password)} dbname=c sslmode=disable`,
  'libpq, unquoted': (password) => `postgresql:user=a password=${password.replace(/[\\' ]/g, '\\$&')} dbname=c`,
}

// The stand-in is made of asterisks, and beego has no way to write a comma.
const password = fc
  .string({ unit: 'grapheme-ascii', minLength: 5, maxLength: 24 })
  .filter((text) => !/[*,]/.test(text) && text.trim() === text)

describe('redact', () => {
  it.each(Object.keys(forms))('hides the password of %s, as written and as meant', (name) => {
    fc.assert(
      fc.property(password, (secret) => {
        const text = forms[name]?.(secret) ?? ''
        for (const message of [`cannot open ${text}`, `cannot log in with (${secret})`, `(${url(secret)})`]) {
          const shown = redact(message, text)
          expect(shown).not.toContain(secret)
          expect(shown).not.toContain(url(secret))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('hides a password of one character, too', () => {
    expect(redact('the password is 7', 'redis://:7@host')).toBe('the password is ***')
    expect(redact('the password is 7', 'redis:host:6379,100,7')).toBe('the password is ***')
    expect(redact('the password is 7', 'postgres://host/db?password=7')).toBe('the password is ***')
  })

  it('leaves hosts, users, databases and the names of tables', () => {
    const text = 'postgres://user:hunter2@host:5432/db?table=visits&schema=app&sslmode=require'
    const message = 'user cannot reach db on host:5432 (table visits, schema app, sslmode require)'
    expect(redact(message, text)).toBe(message)
  })
})
