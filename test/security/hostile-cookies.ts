/** One hostile `Cookie` header: what it is, and the value as latin1 text or as bytes. */
export interface HostileCookie {
  readonly what: string
  readonly value: string | Buffer
  /** Node's own parser refuses it with 400, so it never reaches an application. */
  readonly refusedByNode?: true
}

const name = '__Host-sid'
const mebibyte = 1024 * 1024

/** Headers none of which presents `token`, although most contain it; it is well-formed and live. */
export function hostileCookies(token: string): HostileCookie[] {
  const cut = token.slice(0, -1)
  const own = (value: string): string => `${name}=${value}`
  const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')
  const bytes = (...parts: (string | number[])[]): Buffer =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))
  const rows: [what: string, value: string | Buffer][] = [
    // Nothing to speak of.
    ['nothing', ''],
    ['blanks', ' \t '],
    ['one semicolon', ';'],
    ['semicolons', ';;;;; ;'],
    ['one equals sign', '='],
    ['equals signs', '====='],
    ['the name alone', name],
    ['the name with an empty value', own('')],
    ['the name with a blank value', own('  ')],
    ['the token alone', token],
    ['the token without a name', `=${token}`],
    // Other names.
    ['the name in lower case', `__host-sid=${token}`],
    ['the name in upper case', `__HOST-SID=${token}`],
    ['a longer name', `${name}x=${token}`],
    ['a name that ends so', `x${name}=${token}`],
    ['the name without its prefix', `sid=${token}`],
    ['the name of a signature', `${name}.sig=${token}`],
    ['the name percent-encoded', `%5F%5FHost-sid=${token}`],
    ['the name quoted', `"${name}"=${token}`],
    ['the name in brackets', `cookies[${name}]=${token}`],
    ['a path into the prototype', `__proto__[${name}]=${token}`],
    ['the prototype', `__proto__=${token}; constructor=${token}; prototype=${token}`],
    ['a phantom name', `$${name}=${token}`],
    ['a name behind U+00A0', `\u00a0${name}=${token}`],
    ['a name before U+00A0', `${name}\u00a0=${token}`],
    ['a name behind a byte order mark', bytes([0xef, 0xbb, 0xbf], own(token))],
    ['a name behind U+2028', utf8(`\u2028${name}=${token}`)],
    ['a name with a soft hyphen', `__Host\u00ad-sid=${token}`],
    ['a name inside of a value', `a=${name}=${token}`],
    ['a name behind a comma', `a=b,${name}=${token}`],
    ['a name behind a comma and a space', `a=b, ${name}=${token}`],
    // Values that only resemble the token.
    ['one character less', own(cut)],
    ['one character more', own(`${token}A`)],
    ['twice the token', own(token + token)],
    ['the token in quotes', own(`"${token}"`)],
    ['the token behind a quote', own(`"${token}`)],
    ['the token in single quotes', own(`'${token}'`)],
    ['the token of RFC 2965', `$Version=1; ${own(`"${token}"`)}; $Path="/"; $Domain="example.org"`],
    ['the token twice in one value', `${own(token)},${own(token)}`],
    ['the token behind U+00A0', own(`\u00a0${token}`)],
    ['the token before U+00A0', own(`${token}\u00a0`)],
    ['the token before U+0085', own(`${token}\u0085`)],
    ['the token behind a second equals sign', own(`=${token}`)],
    ['the token with padding', own(`${token}=`)],
    ['the token in standard base64', own(`${cut}+`)],
    ['a slash', own(`${cut}/`)],
    ['a dot', own(`${cut}.`)],
    ['a tilde', own(`${cut}~`)],
    ['a space inside', own(`${token.slice(0, 20)} ${token.slice(21)}`)],
    ['a tabulator inside', own(`${token.slice(0, 20)}\t${token.slice(21)}`)],
    ['the letter ÿ', own(`${cut}\u00ff`)],
    ['a Cyrillic letter in UTF-8', utf8(own(`${cut}\u0430`))],
    ['a fullwidth letter in UTF-8', utf8(own(`${cut}\uff21`))],
    ['the Kelvin sign in UTF-8', utf8(own(`${cut}\u212a`))],
    ['percent-encoded throughout', own(token.replace(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`))],
    ['percent-encoded at one place', own(`%${token.charCodeAt(0).toString(16)}${token.slice(1)}`)],
    ['escaped for JavaScript', own(`\\x${token.charCodeAt(0).toString(16)}${token.slice(1)}`)],
    ['escaped for HTML', own(`&#${token.charCodeAt(0)};${token.slice(1)}`)],
    ['signed as cookie-parser does', own(`s:${token}.c2lnbmF0dXJl`)],
    ['signed, percent-encoded', own(`s%3A${token}.c2lnbmF0dXJl`)],
    ['the token and what follows a NUL escape', own(`${token}%00`)],
    ['the token as JSON', own(`j:"${token}"`)],
    ['the token in a list', own(`["${token}"]`)],
    ['the token in an object', own(`{"token":"${token}"}`)],
    // Values for others than a session library.
    ['a query operator', own('j:{"$ne":null}')],
    ['a query operator, bare', own('{"$gt":""}')],
    ['JSON of the prototype', own('j:{"__proto__":{"user":"root"}}')],
    ['the prototype as value', own('__proto__')],
    ['the constructor as value', own('constructor')],
    ['hasOwnProperty as value', own('hasOwnProperty')],
    ['a path', own('../../../../etc/passwd')],
    ['a path, encoded', own('..%2f..%2f..%2fetc%2fpasswd%00')],
    ['SQL', own("' OR '1'='1' --")],
    ['a glob', own('*')],
    ['a hash tag of a cluster', own('}{')],
    ['a command of memcached', own('x%20y%0d%0aflush_all%0d%0a')],
    ['a template', own('\u0024{7*7}{{7*7}}<%= 7*7 %>')],
    ['markup', own('<script>alert(1)</script>')],
    ['a format', own('%s%n%x%d')],
    ['a lone percent sign', own('%')],
    ['a broken escape', own('%E0%A4%A')],
    ['an unsigned JWT', own('eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.')],
    ['an empty JWT', own('..')],
    ['undefined', own('undefined')],
    ['null', own('null')],
    ['true', own('true')],
    ['[object Object]', own('[object Object]')],
    ['NaN', own('NaN')],
    ['0', own('0')],
    ['-1', own('-1')],
    // Bytes that are no text.
    ['bytes that are no UTF-8', bytes(own(''), [0xff, 0xfe, 0xc3, 0x28])],
    ['an overlong slash', bytes(own(cut), [0xc0, 0xaf])],
    ['half a surrogate pair', bytes(own(cut), [0xed, 0xa0, 0x80])],
    ['a cut UTF-8 sequence', bytes(own(cut), [0xf0, 0x9f, 0x98])],
    [
      'all bytes above 127',
      bytes(
        own(''),
        Array.from({ length: 128 }, (_, at) => at + 128),
      ),
    ],
    // Too much.
    ['256 characters', own('A'.repeat(256))],
    ['4 KiB', own('A'.repeat(4096))],
    ['64 KiB', own('A'.repeat(65_536))],
    ['1 MiB', own('A'.repeat(mebibyte))],
    ['1 MiB of semicolons', ';'.repeat(mebibyte)],
    ['1 MiB of equals signs', '='.repeat(mebibyte)],
    ['1 MiB of blanks', `${own('')}${' '.repeat(mebibyte)}x`],
    ['1 MiB of the name', name.repeat(mebibyte / name.length)],
    ['1 MiB of the name with blanks', `${name} `.repeat(mebibyte / name.length)],
    ['a name of 64 KiB', `${'n'.repeat(65_536)}=${token}`],
    ['two malformed ones', `${own('x')}; ${own('y')}`],
    ['10,000 malformed ones', Array.from({ length: 10_000 }, (_, at) => own(`${at}`)).join('; ')],
    ['10,000 other cookies', Array.from({ length: 10_000 }, (_, at) => `c${at}=${token}`).join('; ')],
    ['64 malformed ones before the token', `${`${own('x')}; `.repeat(64)}${own(token)}`],
  ]
  const controls: [what: string, code: number][] = [
    ['NUL', 0],
    ['BEL', 7],
    ['a vertical tabulator', 11],
    ['a form feed', 12],
    ['a carriage return', 13],
    ['ESC', 27],
    ['DEL', 127],
  ]
  return [
    ...rows.map(([what, value]) => ({ what, value })),
    ...controls.flatMap(([what, code]): HostileCookie[] => [
      { what: `${what} behind the token`, value: own(token + String.fromCharCode(code)), refusedByNode: true },
      { what: `${what} before the name`, value: String.fromCharCode(code) + own(token), refusedByNode: true },
    ]),
  ]
}
