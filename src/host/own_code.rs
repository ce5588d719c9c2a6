//! Lets the kernel have back what drover has mapped of its own program and does not use: most of it runs once, at the start, and stays
//! mapped for good then, since a page that is mapped is given up last.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    ops::Range,
    os::fd::AsRawFd,
    sync::OnceLock,
};

/// How much of the code is mapped at most because one page of it is used. Of each piece the kernel keeps 0.3 KB.
const PIECE: usize = 16 << 10;

/// Where the program's code and constants are; they stay there.
static UNWRITTEN: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Unmaps the pages of the program's code and constants. What is used again is mapped anew from the file's cache, at some microseconds for
/// each piece. Nothing is read from the disk for that unless it is no longer in the cache.
///
/// # Errors
/// When the kernel does not tell what is mapped, or does not take the advice.
pub fn let_go() -> io::Result<()> {
    let ranges = own_ranges()?;
    // What a debugger wrote into the code would be lost.
    if is_traced()? {
        return Ok(());
    }
    ranges.iter().try_for_each(|range| advise(range, libc::MADV_DONTNEED))
}

/// Has the kernel forget the program's file, too: a file that was written or read at one go lies in its cache in large pieces, and each
/// is mapped as a whole for one function that somebody calls. Afterwards each page is read and mapped when it is first used, and its
/// neighbours are not (`MADV_RANDOM`): once read, it stays in the cache. What another process has mapped stays there as well.
///
/// Of code the kernel reads the neighbours whatever it is told, and maps 64 KB of what is in its cache around each page that is used
/// (`do_fault_around` in its mm/memory.c), but never beyond a mapping: so the code is cut into small ones.
///
/// To be called when the start is over, and once: a start would be slow without reading ahead, and the rest of the program's life needs
/// some hundred of the pages.
///
/// # Errors
/// As [`let_go`], and when the program's file cannot be opened.
pub fn forget() -> io::Result<()> {
    let file = File::open("/proc/self/exe")?;
    for range in own_ranges()? {
        advise(range, libc::MADV_RANDOM)?;
        cut(range)?;
    }
    let_go()?;
    // SAFETY: posix_fadvise(2) takes a descriptor, which is open, and numbers. It drops clean pages of the cache that nobody has mapped.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Makes each piece a mapping of its own: neighbours are one unless they differ, and nothing else hangs on whether clean pages of a file
/// are to be left out of core dumps. They always are, but for the first, which tells what program it was.
fn cut(range: &Range<usize>) -> io::Result<()> {
    let mut every_other = ((range.start + PIECE).next_multiple_of(2 * PIECE)..range.end).step_by(2 * PIECE);
    every_other.try_for_each(|start| {
        let end = (start + PIECE).min(range.end);
        advise(&(start..end), libc::MADV_DONTDUMP)
    })
}

/// Gives an advice about a part of [`own_ranges`]; one that changes how soon its pages are there, not what they hold.
fn advise(range: &Range<usize>, advice: libc::c_int) -> io::Result<()> {
    // SAFETY: the range is a private mapping of a file of which no page was ever written (the kernel said that none is anonymous and
    // none was swapped, and it may not be written to), so that each page that is dropped comes again from the file with the same content
    // (madvise(2), MADV_DONTNEED).
    match unsafe { libc::madvise(range.start as *mut libc::c_void, range.len(), advice) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn own_ranges() -> io::Result<&'static [Range<usize>]> {
    if let Some(ranges) = UNWRITTEN.get() {
        return Ok(ranges);
    }
    let program = fs::read_link("/proc/self/exe")?;
    let found = unwritten(BufReader::new(File::open("/proc/self/smaps")?), &program.to_string_lossy())?;
    Ok(UNWRITTEN.get_or_init(|| found))
}

/// Whether a debugger has hold of this process (proc_pid_status(5)).
fn is_traced() -> io::Result<bool> {
    fs::read_to_string("/proc/self/status").map(|status| tracer_in(&status).is_some())
}

fn tracer_in(status: &str) -> Option<u32> {
    let pid = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    pid.trim().parse().ok().filter(|pid| *pid != 0)
}

/// The private mappings of the program (proc_pid_smaps(5)) that cannot be written to and that never were: what the loader writes and then
/// protects (relocations) is anonymous memory by then.
fn unwritten(smaps: impl BufRead, program: &str) -> io::Result<Vec<Range<usize>>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut is_candidate = false;
    for line in smaps.lines() {
        let line = line?;
        if let Some((range, permissions)) = head_of_mapping(&line, program) {
            is_candidate = permissions.is_some_and(|permissions| matches!(permissions, "r-xp" | "r--p"));
            if is_candidate {
                found.push(range);
            }
        } else if is_candidate && was_written(&line) {
            is_candidate = false;
            found.pop();
        }
    }
    Ok(found)
}

/// The first line of a mapping: where it is, and its permissions if it is one of the program's.
fn head_of_mapping<'a>(line: &'a str, program: &str) -> Option<(Range<usize>, Option<&'a str>)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let (permissions, rest) = rest.split_once(' ')?;
    // Offset, device and inode, then the path, which may hold blanks.
    let path = rest.splitn(4, ' ').nth(3).unwrap_or_default().trim_start();
    Some((range, (path == program).then_some(permissions)))
}

fn was_written(line: &str) -> bool {
    let mut words = line.split_whitespace();
    matches!(words.next(), Some("Anonymous:" | "Swap:")) && words.next() != Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
5000-6000 r--p 00000000 fe:00 7 /opt/my drover
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
6000-8000 r-xp 00001000 fe:00 7 /opt/my drover
Anonymous:             0 kB
Swap:                  0 kB
8000-9000 r--p 00003000 fe:00 7 /opt/my drover
Anonymous:             4 kB
Swap:                  0 kB
9000-a000 r--p 00004000 fe:00 7 /opt/my drover
Anonymous:             0 kB
Swap:                  4 kB
a000-b000 rw-p 00005000 fe:00 7 /opt/my drover
Anonymous:             0 kB
Swap:                  0 kB
b000-c000 r-xp 00000000 fe:00 8 /opt/not my drover
Anonymous:             0 kB
c000-d000 r-xp 00000000 fe:00 9 /usr/lib/libc.so.6
Anonymous:             0 kB
d000-e000 rw-p 00000000 00:00 0
Anonymous:             0 kB
";

    #[test]
    fn only_what_was_never_written_is_let_go() {
        let of = |program| unwritten(SMAPS.as_bytes(), program).expect("lines");
        assert_eq!(of("/opt/my drover"), [0x5000..0x6000, 0x6000..0x8000]);
        assert!(of("drover").is_empty(), "a name's end is not the name");
    }

    /// What is resident of the program's mappings with these permissions.
    fn resident_kb(wanted: &str) -> u64 {
        let program = fs::read_link("/proc/self/exe").expect("a program");
        let smaps = fs::read_to_string("/proc/self/smaps").expect("mappings");
        let mut is_wanted = false;
        let mut resident_kb = 0;
        for line in smaps.lines() {
            if let Some((_, permissions)) = head_of_mapping(line, &program.to_string_lossy()) {
                is_wanted = permissions == Some(wanted);
            } else if is_wanted && let Some(kb) = line.strip_prefix("Rss:") {
                resident_kb += kb.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
            }
        }
        resident_kb
    }

    #[test]
    fn the_program_runs_on_and_holds_less() {
        let before = resident_kb("r-xp");
        let_go().expect("the kernel takes the advice");
        let after = resident_kb("r-xp");
        assert!(after < before, "{before} kB, then {after}");
    }

    #[test]
    fn a_program_whose_file_was_forgotten_runs_on_and_holds_less() {
        let before = resident_kb("r--p") + resident_kb("r-xp");
        forget().expect("the kernel takes the advice");
        let after = resident_kb("r--p") + resident_kb("r-xp");
        assert!(after < before, "{before} kB, then {after}");
        let program = fs::read_link("/proc/self/exe").expect("a program");
        let maps = fs::read_to_string("/proc/self/maps").expect("mappings");
        let of_code = maps.lines().filter_map(|line| head_of_mapping(line, &program.to_string_lossy()));
        let sizes: Vec<usize> =
            of_code.filter(|(_, permissions)| *permissions == Some("r-xp")).map(|(range, _)| range.len()).collect();
        // The first and the last end where no piece does.
        assert!(sizes.len() > 2 && sizes.iter().all(|size| *size < 4 * PIECE), "{sizes:?}");
    }

    #[test]
    fn nothing_is_let_go_while_somebody_debugs_the_program() {
        assert!(!is_traced().expect("a status"), "nobody does");
        assert!(tracer_in("Name:\tdrover\nTracerPid:\t0\nUid:\t0\n").is_none());
        assert_eq!(tracer_in("Name:\tdrover\nTracerPid:\t17\nUid:\t0\n"), Some(17));
    }
}
