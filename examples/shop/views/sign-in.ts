import { html } from './html.ts'
import { page, type ShopSession } from './layout.ts'

const suggestions = ['Mira', 'Jonas', 'Noor']

export function signInPage(session: ShopSession, password: string): string {
  return page({
    session,
    path: '/sign-in',
    title: 'Sign in',
    main: html`
      <div class="narrow">
        <h1>Sign in</h1>
        <p>${
          session.userId === undefined
            ? 'Pick a name, any name. Your cart stays with you; the session gets a new id.'
            : `You are ${session.userId}. Whoever signs in here next gets an empty cart: yours is none of their business.`
        }</p>
        <form class="panel stack" method="post" action="/sign-in">
          <div>
            <label for="name">Name</label>
            <input id="name" name="name" list="names" maxlength="40" required autocomplete="username" spellcheck="false">
            <datalist id="names">${suggestions.map((name) => html`<option value="${name}"></option>`)}</datalist>
            <p class="hint">For example ${suggestions.join(', ')}.</p>
          </div>
          <div>
            <label for="password">Password</label>
            <input id="password" name="password" type="password" required autocomplete="current-password" aria-describedby="hint">
            <p class="hint" id="hint">In this demo it is <code>${password}</code> for everybody.</p>
          </div>
          <button>Sign in</button>
        </form>
      </div>`,
  })
}
