//! Keeps the C library's allocator (malloc(3) of glibc) from holding what nobody uses: by its own rules each thread that
//! allocates soon has an arena, of which a peak stays for good, and every arena is one more of drover's megabytes that do not
//! come back. Elsewhere (musl) this does nothing: its allocator has no arenas.

/// Bounds the arenas by the processors, and has large pieces (media, a long list) go back to the system as they are freed. To be
/// called before any thread is started.
pub fn keep_small() {
    #[cfg(target_env = "gnu")]
    {
        /// As many threads as there are processors allocate at the same time; more than these bring nothing.
        const MOST_ARENAS: usize = 8;
        /// What is larger is mapped by itself. Said once, it no longer grows with what is freed (mallopt(3)).
        const MAPPED_FROM_BYTES: i32 = 128 * 1024;
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let arenas = i32::try_from(processors.clamp(2, MOST_ARENAS)).unwrap_or(2);
        // SAFETY: mallopt(3) takes two numbers and only changes how later calls of malloc behave; no other thread runs yet.
        // Of a parameter that it does not take it says so, and nothing is changed.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, arenas);
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
        }
    }
}

/// Gives back what is free, now.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes a number and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    fn resident_pages() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc is there");
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number")
    }

    #[test]
    fn what_lies_free_below_something_that_is_kept_is_given_back() {
        keep_small();
        let mut pieces: Vec<Vec<u8>> =
            (0..40_000).map(|number| vec![u8::try_from(number % 251).unwrap(); 1000]).collect();
        let last = pieces.pop();
        let full = resident_pages();
        drop(pieces);
        give_back();
        // 40 MB were held, 4 KiB a page; other tests of this process allocate meanwhile.
        assert!(resident_pages() + 5_000 < full, "{full} pages, then {}", resident_pages());
        drop(last);
    }
}
