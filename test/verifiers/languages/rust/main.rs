use std::io::{BufRead, Read, Write};

/// As little of HTTP as a key set on loopback needs.
fn key_set() -> JwkSet {
    let address = ISSUER.strip_prefix("http://").expect("http");
    let mut stream = std::net::TcpStream::connect(address).expect("the issuer answers");
    write!(stream, "GET /.well-known/jwks.json HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is text");
    let (_, body) = answer.split_once("\r\n\r\n").expect("it has a body");
    serde_json::from_str(body).expect("it is a key set")
}

fn main() {
    let keys = key_set();
    for line in std::io::stdin().lock().lines() {
        match verify(&line.expect("it is text"), &keys) {
            Ok(claims) if !claims.sub.is_empty() => println!("+ {}", claims.email),
            Ok(_) => println!("- no sub"),
            Err(problem) => println!("- {}", problem.to_string().replace('\n', " ")),
        }
    }
}
