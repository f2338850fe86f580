// The button on "Your session": many requests at once, each of which adds one thing to the cart.

const panel = document.querySelector('#parallel')
const button = panel.querySelector('#fire')
const dots = [...panel.querySelectorAll('.dots li')]
const result = panel.querySelector('#result')

button.hidden = false
button.addEventListener('click', fire)

async function fire() {
  button.disabled = true
  result.textContent = 'Sending…'
  for (const dot of dots) dot.className = ''
  try {
    const before = await cartCount('/api/cart/open', {})
    const arrived = await Promise.all(dots.map(addOne))
    const after = await cartCount('/api/cart')

    const kept = after - before
    const answered = arrived.filter(Boolean).length
    result.textContent =
      `${kept}/${dots.length} kept. ${answered} requests were answered, and the cart went from ${before} to ${after}: ` +
      (kept === dots.length ? 'none was lost.' : `${dots.length - kept} were lost.`)
    document.querySelector('#cart-count').textContent = after
  } catch (error) {
    result.textContent = `That did not work: ${error.message}`
  } finally {
    button.disabled = false
    button.focus()
  }
}

/** One of the requests; its dot shows how it went. */
async function addOne(dot) {
  try {
    await cartCount('/api/cart/add', { product: panel.dataset.product })
    dot.className = 'ok'
    return true
  } catch {
    dot.className = 'lost'
    return false
  }
}

/** Every answer of the API says how many things are in the cart. */
async function cartCount(path, body) {
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(path, body && post)
  if (!response.ok) throw new Error(`the shop answered ${response.status}`)
  return (await response.json()).count
}
