//! Checksums of TCP and UDP inside IPv4. The kernel leaves them to the hardware, which does not
//! exist between virtual cables: whoever takes a frame out into a program has to fill them in.

const IPV4: [u8; 2] = [0x08, 0x00];
const ETHERNET_HEAD: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Fills in the checksum of an Ethernet frame, if it carries one of these.
pub fn fill(frame: &mut [u8]) {
    if frame.get(12..ETHERNET_HEAD) != Some(&IPV4) {
        return;
    }
    let packet = &mut frame[ETHERNET_HEAD..];
    let head = usize::from(packet.first().unwrap_or(&0) & 0x0F) * 4;
    if packet.len() < 20 || head < 20 {
        return;
    }
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    // More fragments, or one of them: those were summed before they were cut.
    let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3FFF != 0;
    let protocol = packet[9];
    let place = match protocol {
        TCP => head + 16,
        UDP => head + 6,
        _ => return,
    };
    if fragment || total > packet.len() || place + 2 > total {
        return;
    }
    packet[place..place + 2].fill(0);
    let mut sum = u32::from(protocol) + (total - head) as u32;
    sum += words(&packet[12..20]) + words(&packet[head..total]);
    let sum = !fold(sum);
    // For UDP zero would mean that there is none.
    let sum = if sum == 0 && protocol == UDP { u16::MAX } else { sum };
    packet[place..place + 2].copy_from_slice(&sum.to_be_bytes());
}

/// At most 64 KiB of them fit.
fn words(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks(2);
    pairs.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 10.0.0.1 to 10.0.0.2, UDP from port 1 to port 2 with "abc".
    const FRAME: [u8; 45] = [
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, //
        0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, //
        0, 1, 0, 2, 0, 11, 0xAA, 0xAA, b'a', b'b', b'c',
    ];

    #[test]
    fn the_sum_over_everything_is_then_nothing() {
        let mut frame = FRAME;
        fill(&mut frame);
        let packet = &frame[ETHERNET_HEAD..];
        let all = words(&packet[12..20]) + words(&packet[20..]) + u32::from(UDP) + 11;
        assert_eq!(fold(all), 0xFFFF);
        assert_ne!(frame, FRAME);
    }

    #[test]
    fn what_is_none_of_these_stays() {
        let spoilt = |at: usize, value: u8| {
            let mut frame = FRAME;
            frame[at] = value;
            let before = frame;
            fill(&mut frame);
            frame == before
        };
        assert!(spoilt(13, 6), "not IPv4");
        assert!(spoilt(23, 1), "neither TCP nor UDP");
        assert!(spoilt(20, 0x20), "a fragment");
        assert!(spoilt(17, 200), "longer than it is");
        assert!(spoilt(14, 0x41), "a head that is none");
        fill(&mut []);
        fill(&mut [0; 14]);
        fill(&mut FRAME[..14].to_vec());
    }
}
