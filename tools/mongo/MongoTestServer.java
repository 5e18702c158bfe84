// A server for tests that speaks MongoDB's protocol: mongo-java-server, with what the Node driver wants of a server and
// that one does not say: the command `hello`, wire version 13 and a session timeout.
// Usage: java -cp 'lib/*:.' MongoTestServer PORT FILE

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;

public class MongoTestServer {
  static class Backend extends H2Backend {
    Backend(String file) {
      super(file);
      version(new MongoVersion() {
        @Override public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
        @Override public int getWireVersion() { return 13; }
      });
    }

    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
      boolean isHello = command.equalsIgnoreCase("hello");
      if (!isHello && !command.equalsIgnoreCase("isMaster")) {
        return super.handleCommand(channel, database, command, query);
      }
      Document greeting = new Document("isMaster", 1);
      query.forEach((key, value) -> { if (!key.equals("hello") && !key.equalsIgnoreCase("isMaster")) greeting.put(key, value); });
      Document answer = super.handleCommand(channel, database, "isMaster", greeting);
      answer.put("helloOk", true);
      answer.put("isWritablePrimary", true);
      answer.put("logicalSessionTimeoutMinutes", 30);
      return answer;
    }
  }

  public static void main(String[] words) throws InterruptedException {
    MongoServer server = new MongoServer(new Backend(words[1]));
    server.bind("127.0.0.1", Integer.parseInt(words[0]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
