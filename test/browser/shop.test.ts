import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath } from '../services/chromium.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const executablePath = chromiumPath()

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

describe.skipIf(executablePath === null)('the demo shop in a browser', () => {
  let folder: string
  let port: number
  let shop: ChildProcess
  let browser: Browser
  let context: BrowserContext
  let page: Page
  /** What the browser's console complained about: script errors, blocked resources, violations of the CSP. */
  let complaints: string[]

  /** Starts the shop as `npm start` does, and waits until it says that it is open. */
  async function openShop(): Promise<void> {
    const env = { ...process.env, PORT: String(port), SHOP_DATA: folder }
    shop = spawn(process.execPath, ['tools/run-ts.mjs', 'examples/shop/server.ts'], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (shop.stdout === null) throw new Error('the shop has no output')
    for await (const line of createInterface({ input: shop.stdout })) {
      if (line.includes(`http://localhost:${port}`)) return
    }
    throw new Error(`the shop ended with ${shop.exitCode} before it was open`)
  }

  async function closeShop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (shop.exitCode !== null || shop.signalCode !== null) return
    shop.kill(signal)
    await once(shop, 'exit')
  }

  const open = (path = '/') => page.goto(`http://localhost:${port}${path}`)
  const click = (name: string) => page.getByRole('button', { name, exact: true }).click()
  /** Presses the button of a form, and waits for the page that answers it, its style included. */
  const press = (name: string) => Promise.all([page.waitForEvent('load'), click(name)])
  const text = async (selector: string) => (await page.locator(selector).textContent())?.trim()
  const notice = () => text('.notice')
  const cartCount = () => text('#cart-count')
  const sessionCookie = async () => (await context.cookies()).find(({ name }) => name === '__Host-sid')

  async function sessionId(): Promise<string | undefined> {
    await open('/session')
    return await text('#session-id')
  }

  async function signIn(name: string): Promise<void> {
    await open('/sign-in')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill('hatstand')
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL('**/session')
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coatcheck-shop-'))
    port = await freePort()
    await openShop()
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: flags })
  })

  afterAll(async () => {
    await browser?.close()
    if (shop) await closeShop('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  beforeEach(async () => {
    context = await browser.newContext()
    page = await context.newPage()
    complaints = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
  })

  afterEach(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })

  it('sets no cookie for a visitor who only looks around', async () => {
    for (const path of ['/', '/cart', '/session', '/sign-in']) {
      const response = await open(path)
      expect(response?.status()).toBe(200)
      expect(response?.headers()['content-security-policy']).toContain("default-src 'self'")
    }
    expect(await page.context().cookies()).toEqual([])
    await open('/session')
    expect(await text('.facts')).toContain('New, not stored')
  })

  it('adds to the cart, changes the quantity and removes, each with a redirect', async () => {
    await open()
    await press('Add Felt hat to the cart')
    await page.waitForURL('**/#hat')
    await press('Add Felt hat to the cart')
    await expect.poll(cartCount).toBe('2')
    expect(await sessionCookie()).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/' })

    await open('/cart')
    await page.getByLabel('Quantity of Felt hat', { exact: true }).fill('5')
    await press('Update the quantity of Felt hat')
    await expect.poll(cartCount).toBe('5')
    expect(await text('.summary')).toContain('€320.00')

    await press('Remove Felt hat')
    await expect.poll(cartCount).toBe('0')
    expect(page.url()).toBe(`http://localhost:${port}/cart`)
    expect(await text('main')).toContain('Nothing in it yet.')
  })

  it('shows a notice once, on the page after the redirect', async () => {
    await open()
    await press('Add Umbrella to the cart')
    await expect.poll(notice).toBe('Umbrella is in your cart.')
    await page.reload()
    expect(await notice()).toBe('')
  })

  it('keeps the theme in the session', async () => {
    await page.emulateMedia({ colorScheme: 'light' })
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await open('/cart')
    const light = await background()
    await press('Dark theme')
    await page.locator('html[data-theme="dark"]').waitFor()
    expect(new URL(page.url()).pathname).toBe('/cart')
    await open()
    expect(await background()).not.toBe(light)
    await press('Light theme')
    await page.locator('html[data-theme="light"]').waitFor()
    expect(await background()).toBe(light)
  })

  it('gives the session a new id and token at sign-in and keeps the cart', async () => {
    await open()
    await press('Add Mittens to the cart')
    await expect.poll(cartCount).toBe('1')
    const idBefore = await sessionId()
    const tokenBefore = (await sessionCookie())?.value

    await signIn('Mira <b>')
    expect(await notice()).toContain(`Welcome, Mira <b>. The session's id was ${idBefore}`)
    expect(await text('#session-id')).not.toBe(idBefore)
    expect((await sessionCookie())?.value).not.toBe(tokenBefore)
    expect(await cartCount()).toBe('1')
    expect(await text('pre')).toContain('"mittens": 1')
  })

  it('refuses a wrong password and says so', async () => {
    await open('/sign-in')
    await page.getByLabel('Name').fill('Mira')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
    await expect.poll(notice).toContain('That did not match.')
    expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1)
  })

  it('loses none of twenty parallel requests, neither of a new visitor nor of a known one', async () => {
    await open('/session')
    for (const total of [20, 40]) {
      await click('Send 20 requests')
      await expect.poll(() => text('#result')).toContain('20/20 kept. 20 requests were answered')
      await expect.poll(() => text('#result')).toContain(`to ${total}: none was lost.`)
      expect(await page.locator('.dots .ok').count()).toBe(20)
      expect(await cartCount()).toBe(String(total))
    }
    await open('/cart')
    expect(await page.getByLabel('Quantity of Cloakroom tag', { exact: true }).inputValue()).toBe('40')
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)('has the cart after the server was stopped with %s', async (signal) => {
    await open()
    await press('Add Raincoat to the cart')
    await expect.poll(cartCount).toBe('1')
    const idBefore = await sessionId()

    await page.goto('about:blank')
    await closeShop(signal)
    if (signal === 'SIGTERM') expect(shop.exitCode).toBe(0)
    await openShop()
    // The browser may have fetched the icon once more, in vain.
    complaints.length = 0

    await open('/cart')
    expect(await page.getByLabel('Quantity of Raincoat', { exact: true }).inputValue()).toBe('1')
    expect(await sessionId()).toBe(idBefore)
  })

  it('ends the session at sign-out: the cart is gone, the old token is dead, a notice says so', async () => {
    await signIn('Jonas')
    await open()
    await press('Add Raincoat to the cart')
    await expect.poll(cartCount).toBe('1')
    const old = await sessionCookie()

    await press('Sign out Jonas')
    await expect.poll(notice).toBe('You are signed out.')
    expect(await cartCount()).toBe('0')

    if (old === undefined) throw new Error('there was no session cookie')
    await context.clearCookies()
    await context.addCookies([old])
    await open('/cart')
    expect(await cartCount()).toBe('0')
    expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1)
  })

  it('can be used with the keyboard alone', async () => {
    await open()
    await page.keyboard.press('Tab')
    await expect.poll(focused).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    await arrived()
    await page.keyboard.press('Tab')
    await expect.poll(focused).toBe('Add Wool overcoat to the cart')
    expect(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)).toBe(
      'solid',
    )
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    await expect.poll(notice).toBe('Wool overcoat is in your cart.')
    // The visitor goes on where they were, not at the top of the page.
    await arrived()
    await page.keyboard.press('Tab')
    await expect.poll(focused).toBe('Add Wool overcoat to the cart')
  })

  // How wide a text is depends on the fonts of the machine: wider ones than it has may not matter either.
  it.each([
    ['the fonts of this machine', '* {}'],
    ['the text spacing of WCAG 1.4.12', '* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important }'],
  ])('fits a phone without scrolling sideways: %s', async (_, content) => {
    // The shop allows no styles but its own.
    const phone = await browser.newContext({ bypassCSP: true, viewport: { width: 360, height: 740 } })
    try {
      page = await phone.newPage()
      await signIn('A name with quite a lot of letters in it')
      await open()
      await press('Add Wool overcoat to the cart')
      await expect.poll(cartCount).toBe('1')
      for (const path of ['/', '/cart', '/session', '/sign-in']) {
        await open(path)
        await page.addStyleTag({ content })
        expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360)
      }
    } finally {
      await phone.close()
    }
  })

  it.each(['light', 'dark'] as const)('has the contrast of WCAG AA in the %s theme', async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await open()
    await press('Add Wool overcoat to the cart')
    await expect.poll(notice).not.toBe('')
    expect(await page.evaluate(leastContrast)).toBeGreaterThanOrEqual(4.5)
    for (const path of ['/cart', '/session', '/sign-in']) {
      await open(path)
      expect(await page.evaluate(leastContrast), path).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('works without JavaScript, and says what does not', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false })
    page = await plain.newPage()
    await open()
    await press('Add Beech hanger to the cart')
    await expect.poll(cartCount).toBe('1')
    await open('/session')
    expect(await page.getByRole('button', { name: 'Send 20 requests' }).isVisible()).toBe(false)
    expect(await text('#parallel')).toContain('needs JavaScript')
    await plain.close()
  })

  it('does not act on what another site sends', async () => {
    const url = `http://localhost:${port}/cart/add`
    const post = async (headers: Record<string, string>) =>
      (await fetch(url, { method: 'POST', body: new URLSearchParams({ product: 'hat' }), headers, redirect: 'manual' }))
        .status
    // Node's fetch sends neither header by itself.
    expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await post({ 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await post({ origin: 'http://elsewhere.example' })).toBe(403)
    expect(await post({ origin: 'null' })).toBe(403)
    expect(await post({ origin: `http://localhost:${port}` })).toBe(303)
    expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe(303)
  })

  /** Waits until the browser has gone to the fragment of the address, from where Tab goes on. */
  const arrived = () =>
    page.waitForFunction(
      () =>
        new Promise<boolean>((resolve) => {
          const there = document.readyState === 'complete' && document.querySelector(':target') !== null
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(there)))
        }),
    )
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)
})

/** Runs in the page: the lowest contrast ratio of a text to the colour behind it, as WCAG 2.2 defines it. */
function leastContrast(): number {
  const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = channels(colour).map((value) =>
      value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const behind = (element: Element | null): string => {
    if (element === null) return 'rgb(255, 255, 255)'
    const colour = getComputedStyle(element).backgroundColor
    return channels(colour)[3] === 0 ? behind(element.parentElement) : colour
  }
  const ratios = [...document.body.querySelectorAll('*')]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()))
    .map((element) => [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a))
    .map(([lighter = 0, darker = 0]) => (lighter + 0.05) / (darker + 0.05))
  return Math.min(...ratios)
}

/** A port that nothing listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
