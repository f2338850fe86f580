import { type Html, html } from './html.ts'

const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** A moment (epoch ms) as `21 Nov 2025, 09:30:00 UTC`, with how far away it is. */
export function instant(at: number): Html {
  const date = new Date(at)
  return html`<time datetime="${date.toISOString()}">${absolute.format(date)} UTC</time> <span class="away">${distance(at - Date.now())}</span>`
}

function distance(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (Math.abs(minutes) < 1) return 'just now'
  return Math.abs(minutes) < 90 ? relative.format(minutes, 'minute') : relative.format(Math.round(minutes / 60), 'hour')
}
