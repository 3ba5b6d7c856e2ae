// What the server told, a few answers of each kind at a time.

const MOST_BLOCKS = 12;
const MOST_DAYS = 24;

async function ask(path, query) {
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(query)}`);
  } catch {
    throw new Error("The server does not answer any more. Was it stopped?");
  }
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (answer.error) throw new Error(answer.error);
  return answer;
}

// Remembers the latest answers and drops the oldest; a question that is under way is not asked twice.
class Memory {
  constructor(most) {
    this.most = most;
    this.kept = new Map();
  }

  get(key, make) {
    let found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
    } else {
      found = make();
      found.catch(() => this.kept.delete(key));
    }
    this.kept.set(key, found);
    if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
    return found;
  }

  forget() {
    this.kept.clear();
  }
}

export class Store {
  constructor() {
    this.blocks = new Memory(MOST_BLOCKS);
    this.days = new Memory(MOST_DAYS);
  }

  async open(market) {
    const overview = await ask("/api/overview", { market });
    const isSame = this.overview && overview.is_live && overview.market === this.overview.market
      && overview.episode === this.overview.episode;
    if (!isSame) this.blocks.forget();
    this.days.forget();
    this.overview = overview;
    return overview;
  }

  // An interval as { at(column), households(column), pairs }.
  async interval(t) {
    const { market, block: count } = this.overview;
    const first = t - (t % count);
    const key = `${market} ${first}`;
    const fetchBlock = () => this.blocks.get(key, () => ask("/api/block", { market, first, count }));
    let block = await fetchBlock();
    if (t >= first + block.count) { // an environment has played on since
      this.blocks.kept.delete(key);
      block = await fetchBlock();
    }
    const row = t - block.first;
    const pairs = block.pairs;
    return {
      at: (name) => block.intervals[name]?.[row] ?? null,
      has: (name) => name in block.households,
      households: (name) => block.households[name]?.[row] ?? null,
      pairs: pairs && pairs.interval.flatMap((at, i) => (at !== t ? [] : [{
        seller: pairs.seller[i],
        buyer: pairs.buyer[i],
        kwh: pairs.quantity_kwh[i],
        price: pairs.buyer_price_dollars_per_kwh?.[i] ?? null,
      }])),
    };
  }

  prefetch(t) {
    if (t < this.overview.num_intervals) this.interval(t).catch(() => {}); // told when it is looked at
  }

  day(household, day) {
    const { market } = this.overview;
    return this.days.get(`${market} ${household} ${day}`, () => ask("/api/day", { market, household, day }));
  }
}
