/** The colours a product is drawn in; `public/style.css` has both themes of each. */
export type Tone = 'sand' | 'moss' | 'sky' | 'rose' | 'clay' | 'slate'

export interface Product {
  /** Also names the drawing in `views/art.ts`. */
  readonly id: string
  readonly name: string
  readonly about: string
  /** In euro cents: sums of integers are exact. */
  readonly price: number
  readonly tone: Tone
}

export const products: readonly Product[] = [
  { id: 'overcoat', name: 'Wool overcoat', about: 'Heavy, warm, cut to last.', price: 18900, tone: 'slate' },
  { id: 'raincoat', name: 'Raincoat', about: 'Waxed cotton with taped seams.', price: 12900, tone: 'sand' },
  { id: 'hat', name: 'Felt hat', about: 'Wide brim, soft crown, a ribbon.', price: 6400, tone: 'clay' },
  { id: 'beanie', name: 'Ribbed beanie', about: 'Merino, with a bobble on top.', price: 2800, tone: 'rose' },
  { id: 'scarf', name: 'Lambswool scarf', about: 'Two metres, fringed by hand.', price: 4200, tone: 'moss' },
  { id: 'mittens', name: 'Mittens', about: 'Boiled wool, joined by a cord.', price: 3400, tone: 'sky' },
  { id: 'umbrella', name: 'Umbrella', about: 'Eight steel ribs, a beech handle.', price: 3900, tone: 'rose' },
  { id: 'boots', name: 'Rubber boots', about: 'For puddles of any depth.', price: 5800, tone: 'moss' },
  { id: 'bag', name: 'Canvas bag', about: 'Holds the shopping and the umbrella.', price: 2400, tone: 'slate' },
  { id: 'hanger', name: 'Beech hanger', about: 'Broad shoulders, brass hook.', price: 1200, tone: 'clay' },
  { id: 'rail', name: 'Peg rail', about: 'Four turned pegs for the hallway.', price: 4600, tone: 'sky' },
  { id: 'tag', name: 'Cloakroom tag', about: 'Stamped brass. Number 42, always.', price: 600, tone: 'sand' },
]

const byId = new Map(products.map((product) => [product.id, product]))

/** The product, or undefined: ids come from forms, and forms from anybody. */
export function findProduct(id: string): Product | undefined {
  return byId.get(id)
}

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

/** `18900` -> `€189.00` */
export function formatPrice(cents: number): string {
  return euros.format(cents / 100)
}
