// The page that somebody asked for before they were signed in. Signing in opens a tab of its own, or leads over another
// site, so it is kept for the whole browser.

const WANTED = "countersign-wanted";

export function remember() {
  localStorage.setItem(WANTED, location.pathname + location.search);
}

// Only pages of ours.
export function wanted() {
  const page = new URL(localStorage.getItem(WANTED) ?? "/", location.origin);
  localStorage.removeItem(WANTED);
  return page.origin === location.origin ? page.pathname + page.search : "/";
}
