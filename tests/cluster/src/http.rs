//! As much of HTTP as it takes to ask a master or an agent something. Not the client that is tested.

use crate::Error;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The answer of `address`, which must be of status 2xx, as JSON; null when it is empty. A `body` is posted.
pub(crate) fn ask(address: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
    let wrong = |detail: String| Error::Http { address: address.to_owned(), detail };
    let (status, body) = exchange(address, path, body).map_err(|error| wrong(error.to_string()))?;
    if !(200..300).contains(&status) {
        return Err(wrong(format!("{path}: {status} {}", String::from_utf8_lossy(&body).trim())));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|error| wrong(format!("{path}: {error}")))
}

fn exchange(address: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, Vec<u8>)> {
    let invalid = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let to = address.parse().map_err(|_| invalid("not an address"))?;
    let mut stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = format!("{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAccept: application/json\r\n");
    let request = match body.map(Value::to_string) {
        None => format!("GET {head}\r\n"),
        Some(body) => {
            format!("POST {head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
    };
    stream.write_all(request.as_bytes())?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| invalid("not HTTP"))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let mut data = vec![];
    if chunked {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16).map_err(|_| invalid("not a chunk's size"))?;
            if size == 0 {
                break;
            }
            exactly(&mut reader, size, &mut data)?;
            line.clear();
            reader.read_line(&mut line)?;
        }
    } else if let Some(length) = length {
        exactly(&mut reader, length, &mut data)?;
    } else {
        reader.read_to_end(&mut data)?;
    }
    Ok((status, data))
}

fn exactly(reader: &mut impl Read, size: u64, data: &mut Vec<u8>) -> std::io::Result<()> {
    if reader.take(size).read_to_end(data)? as u64 == size {
        Ok(())
    } else {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}
